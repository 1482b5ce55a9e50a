package crud

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// The rules that hold for every document that is made, replaced, patched or removed as a
// whole. A document is given as its representation, by which ETags and the fields that
// policy is asked about are known.

// mayMake lets the caller put a document where none is. What the caller could not see
// if it were there is answered like it.
func (w *writing) mayMake(asked, shown resource, c Conditions) error {
	if err := w.ask(create, asked); err != nil {
		if hidden := w.surface.see(w.ctx, shown); hidden != nil {
			return hidden
		}
		return err
	}
	return c.met("")
}

// mayReplace lets the caller put after in the place of before: it is seen, its version is
// known, and policy allows a change of every field that differs.
func (w *writing) mayReplace(r resource, before, after any, c Conditions) error {
	if err := w.surface.see(w.ctx, r); err != nil {
		return err
	}
	fields, err := changedFields(before, after)
	if err != nil {
		return err
	}
	if len(fields) > 0 {
		r.Fields = fields
		if err := w.ask(update, r); err != nil {
			return err
		}
	}
	etag, err := etagOf(before)
	if err != nil {
		return err
	}
	if err := c.met(etag); err != nil {
		return err
	}
	return c.replaces(len(fields) > 0)
}

// mayPatch is mayReplace for a change that names what it changes, and so needs no version.
func (w *writing) mayPatch(r resource, before, after any, c OnlyMatch) error {
	if c.IfMatch == "" {
		c.IfMatch = "*"
	}
	return w.mayReplace(r, before, after, Conditions{IfMatch: c.IfMatch})
}

// mayRemove lets the caller remove a document.
func (w *writing) mayRemove(r resource, before any, c OnlyMatch) error {
	if err := w.surface.see(w.ctx, r); err != nil {
		return err
	}
	if err := w.ask(remove, r); err != nil {
		return err
	}
	etag, err := etagOf(before)
	if err != nil {
		return err
	}
	return c.met(etag)
}

// changedFields names the members of two representations that differ.
func changedFields(before, after any) ([]string, error) {
	was, err := membersOf(before)
	if err != nil {
		return nil, err
	}
	is, err := membersOf(after)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	fields := []string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !bytes.Equal(was[name], is[name]) {
			fields = append(fields, name)
		}
	}
	return fields, nil
}

func membersOf(representation any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(representation)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	return members, json.Unmarshal(text, &members)
}

// canonical brings an object into the one spelling that the directory keeps, so that
// what is sent can be compared with what is there.
func canonical(field string, o object) (object, error) {
	if len(o) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(o))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, &identity.InvalidError{Field: field, Why: "must be a JSON object"}
	}
	if members == nil {
		return nil, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(members); err != nil {
		return nil, err
	}
	return object(bytes.TrimSpace(text.Bytes())), nil
}
