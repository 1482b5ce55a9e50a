package manifest

import (
	"encoding/json"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// quota reads a core/v1 ResourceQuotaSpec and gives it as compact JSON with sorted
// keys, so that equal quotas are equal bytes; nil when it limits nothing.
func (r *reader) quota(n *yaml.Node) []byte {
	o := r.object(n, "a resource quota")
	if o == nil {
		return nil
	}
	spec := map[string]any{}
	if hard := o.quantities("hard"); len(hard) > 0 {
		spec["hard"] = hard
	}
	if scopes := r.words(o, "scopes"); len(scopes) > 0 {
		spec["scopes"] = scopes
	}
	if selector := o.get("scopeSelector", "{}"); selector != nil {
		if rows := r.scopeSelector(selector); len(rows) > 0 {
			spec["scopeSelector"] = map[string]any{"matchExpressions": rows}
		}
	}
	o.done()
	if spec["hard"] == nil {
		return nil // as Kubeflow's controller: no limit, no quota
	}
	data, err := json.Marshal(spec)
	if err != nil { // maps of strings always marshal
		r.fail(n, "%v", err)
	}
	return data
}

// quantity is what Kubernetes takes as an amount, without its sign.
var quantity = regexp.MustCompile(`^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$`)

const maxQuantity = 64 // bytes

// quantities reads names to amounts; Kubernetes takes an amount as number or text.
func (o *object) quantities(key string) map[string]string {
	n := o.get(key, "{}")
	if n == nil {
		return nil
	}
	inner := o.r.object(n, key+" of "+o.what)
	if inner == nil {
		return nil
	}
	found := make(map[string]string, len(inner.keys))
	for _, k := range inner.keys {
		value := inner.get(k.Value, "an amount")
		if value == nil {
			continue
		}
		switch value.ShortTag() {
		case "!!str", "!!int", "!!float":
			switch {
			case strings.HasPrefix(value.Value, "-"):
				o.r.fail(value, "the amount of %s must not be negative: write 0 to allow none, or leave the key out for no limit", k.Value)
			case len(value.Value) > maxQuantity || !quantity.MatchString(value.Value):
				o.r.fail(value, "the amount of %s must be a quantity such as 8, 500m or 16Gi", k.Value)
			default:
				found[k.Value] = value.Value
			}
		default:
			o.r.fail(value, "the amount of %s must be a quantity such as 8, 500m or 16Gi, not %s", k.Value, describe(value))
		}
	}
	return found
}

func (r *reader) words(o *object, key string) []string {
	items, _ := o.list(key)
	var found []string
	for _, item := range items {
		if value := r.text(item, "an entry of "+key); value != nil {
			found = append(found, *value)
		}
	}
	return found
}

func (r *reader) scopeSelector(n *yaml.Node) []map[string]any {
	o := r.object(n, "scopeSelector of a resource quota")
	if o == nil {
		return nil
	}
	rows, _ := o.list("matchExpressions")
	o.done()
	var found []map[string]any
	for _, row := range rows {
		inner := r.object(row, "a match expression")
		if inner == nil {
			continue
		}
		scope, _ := inner.required("scopeName")
		operator, _ := inner.required("operator")
		entry := map[string]any{"scopeName": scope, "operator": operator}
		if values := r.words(inner, "values"); len(values) > 0 {
			entry["values"] = values
		}
		inner.done()
		found = append(found, entry)
	}
	return found
}
