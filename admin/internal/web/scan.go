package web

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// scan walks a body token by token and refuses what encoding/json would let pass:
// repeated members, depth without end, and a value that is no object. It returns the
// names of the top-level members.
func scan(body []byte) ([]string, error) {
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil {
		return nil, translate(err)
	}
	s := scanner{decoder: json.NewDecoder(bytes.NewReader(body))}
	s.decoder.UseNumber()
	first, err := s.decoder.Token()
	if err != nil {
		return nil, translate(err)
	}
	if first != json.Delim('{') {
		return nil, badBody("", "a JSON object was expected")
	}
	if err := s.object(nil); err != nil {
		return nil, err
	}
	return s.top, nil
}

type scanner struct {
	decoder *json.Decoder
	top     []string
}

func (s *scanner) object(path []string) error {
	seen := map[string]bool{}
	for s.decoder.More() {
		token, err := s.decoder.Token()
		if err != nil {
			return translate(err)
		}
		name := token.(string) // the decoder yields nothing else as a member name
		here := append(path, Clip(name, maxNamed))
		if seen[name] {
			return badBody(strings.Join(here, "."), "is given more than once")
		}
		seen[name] = true
		if len(path) == 0 {
			s.top = append(s.top, name)
		}
		if err := s.value(here); err != nil {
			return err
		}
	}
	return s.end()
}

func (s *scanner) value(path []string) error {
	token, err := s.decoder.Token()
	if err != nil {
		return translate(err)
	}
	if len(path) > maxDepth {
		return badBody("", "is nested deeper than %d levels", maxDepth)
	}
	switch token {
	case json.Delim('{'):
		return s.object(path)
	case json.Delim('['):
		for s.decoder.More() {
			if err := s.value(append(path, "[]")); err != nil {
				return err
			}
		}
		return s.end()
	}
	return nil
}

// end reads the closing bracket.
func (s *scanner) end() error {
	if _, err := s.decoder.Token(); err != nil {
		return translate(err)
	}
	return nil
}

// checkCase refuses "Handle" where "handle" is meant: encoding/json takes both, and
// two spellings of one member are a way to show two readers two values.
func checkCase(members []string, into any) error {
	kind := reflect.TypeOf(into)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind.Kind() != reflect.Struct {
		return nil
	}
	known := map[string]bool{}
	for field := range kind.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		known[name] = true
	}
	for _, name := range members {
		if !known[name] {
			return badBody(Clip(name, maxNamed), "unknown field")
		}
	}
	return nil
}
