package crud

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// change is a member of a merge patch (RFC 7396): not given, null, or a value.
type change[T any] struct {
	given bool
	null  bool
	value T
}

// UnmarshalJSON implements json.Unmarshaler. It is called only for members that are there.
func (c *change[T]) UnmarshalJSON(text []byte) error {
	c.given, c.null = true, bytes.Equal(bytes.TrimSpace(text), []byte("null"))
	if c.null {
		return nil
	}
	return json.Unmarshal(text, &c.value)
}

// Schema implements huma.SchemaProvider: the member is what T is, or null.
func (c change[T]) Schema(r huma.Registry) *huma.Schema {
	schema := *r.Schema(reflect.TypeFor[T](), false, "")
	schema.Nullable = true
	return &schema
}

// applyTo changes what is there; null makes it the zero value.
func (c change[T]) applyTo(there *T) {
	if c.given {
		*there = c.value
	}
}

// object is a JSON object whose members are somebody else's to know.
type object json.RawMessage

// Schema implements huma.SchemaProvider.
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) { return json.RawMessage(o).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (o *object) UnmarshalJSON(text []byte) error { return (*json.RawMessage)(o).UnmarshalJSON(text) }
