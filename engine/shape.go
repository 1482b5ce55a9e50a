package engine

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The bounds of a decision's parts. They end up in headers and log lines.
const (
	maxReason = 64
	maxLabels = 32
	maxLabel  = 1024
)

// readTerm reads {"effect": ..., "reason": ..., "labels": {...}}, labels being
// optional. Anything else, a further member too, is an error: a policy that
// means something we do not understand has not allowed anything.
func readTerm(v ast.Value) (verdict, error) {
	object, ok := v.(ast.Object)
	if !ok {
		return verdict{}, fmt.Errorf("the decision is of type %s, not an object", ast.ValueName(v))
	}
	var out verdict
	err := object.Iter(func(key, value *ast.Term) error {
		name, ok := key.Value.(ast.String)
		if !ok {
			return errors.New("the decision has a member whose name is no string")
		}
		return out.set(string(name), value.Value)
	})
	switch {
	case err != nil:
		return verdict{}, err
	case out.effect == "":
		return verdict{}, errors.New("the decision has no effect")
	case out.reason == "":
		return verdict{}, errors.New("the decision has no reason")
	}
	return out, nil
}

func (v *verdict) set(name string, value ast.Value) (err error) {
	switch name {
	case "effect":
		v.effect, err = readEffect(value)
	case "reason":
		v.reason, err = readReason(value)
	case "labels":
		v.labels, err = readLabels(value)
	default:
		err = fmt.Errorf("the decision has the unknown member %q", name)
	}
	return err
}

func readEffect(value ast.Value) (Effect, error) {
	s, ok := value.(ast.String)
	if !ok {
		return "", fmt.Errorf("effect is of type %s, not a string", ast.ValueName(value))
	}
	switch e := Effect(s); e {
	case Allow, Deny, Login:
		return e, nil
	}
	return "", fmt.Errorf("effect %q is unknown", string(s))
}

func readReason(value ast.Value) (string, error) {
	s, ok := value.(ast.String)
	if !ok {
		return "", fmt.Errorf("reason is of type %s, not a string", ast.ValueName(value))
	}
	if !isWord(string(s)) {
		return "", fmt.Errorf("reason %q is not a word of lower-case letters, digits and _", string(s))
	}
	return string(s), nil
}

func isWord(s string) bool {
	if s == "" || len(s) > maxReason {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func readLabels(value ast.Value) (map[string]string, error) {
	object, ok := value.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("labels is of type %s, not an object", ast.ValueName(value))
	}
	if n := object.Len(); n > maxLabels {
		return nil, fmt.Errorf("%d labels are too many, at most %d", n, maxLabels)
	}
	labels := make(map[string]string, object.Len())
	err := object.Iter(func(key, value *ast.Term) error {
		name, ok := key.Value.(ast.String)
		if !ok || !isWord(string(name)) {
			return fmt.Errorf("label name %v is not a word", key)
		}
		text, ok := value.Value.(ast.String)
		if !ok {
			return fmt.Errorf("label %q is of type %s, not a string", string(name), ast.ValueName(value.Value))
		}
		if len(text) > maxLabel {
			return fmt.Errorf("label %q is longer than %d bytes", string(name), maxLabel)
		}
		labels[string(name)] = string(text)
		return nil
	})
	return labels, err
}
