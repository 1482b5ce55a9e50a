package manifest

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// object reads one YAML mapping strictly: each accessor marks its key as known, and
// done reports the keys that nobody asked for.
type object struct {
	r      *reader
	at     Position
	what   string // "an account", for messages
	values map[string]*yaml.Node
	keys   []*yaml.Node
	asked  []string
}

// object gives nil after reporting why n is not a plain mapping.
func (r *reader) object(n *yaml.Node, what string) *object {
	if !r.plain(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping of keys to values, not %s", what, describe(n))
		return nil
	}
	o := &object{
		r: r, at: r.at(n), what: what, values: make(map[string]*yaml.Node, len(n.Content)/2),
		keys: make([]*yaml.Node, 0, len(n.Content)/2), asked: make([]string, 0, 8),
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !r.plain(key):
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "a key of %s must be a word, not %s", what, describe(key))
		case o.values[key.Value] != nil:
			first := slices.IndexFunc(o.keys, func(k *yaml.Node) bool { return k.Value == key.Value })
			r.fail(key, "key %q stands twice in %s, first at %s: keep one", key.Value, what, r.at(o.keys[first]))
		default:
			o.values[key.Value] = value
			o.keys = append(o.keys, key)
		}
	}
	return o
}

// plain refuses anchors, aliases and tags of one's own: they make a file mean
// something else than it shows, and a few lines of aliases stand for gigabytes.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n, "the alias *%s is not allowed: write the value out", n.Value)
	case n.Anchor != "":
		r.fail(n, "the anchor &%s is not allowed: leave it out and write each value out", n.Anchor)
	case n.ShortTag() == "!!merge":
		r.fail(n, "the merge key << is not allowed: write the keys out")
	case !strings.HasPrefix(n.ShortTag(), "!!"):
		r.fail(n, "the tag %s is not allowed: leave it out", n.Tag)
	default:
		return true
	}
	return false
}

// get marks key as known and gives its value, nil when it was left out. An empty
// value is reported: nobody can tell whether it means "none" or "forgotten".
func (o *object) get(key, emptyHint string) *yaml.Node {
	o.asked = append(o.asked, key)
	n := o.values[key]
	if n == nil || !o.r.plain(n) {
		return nil
	}
	if n.ShortTag() == "!!null" {
		o.r.fail(n, "%s of %s is empty: leave the key out, or write %s", key, o.what, emptyHint)
		return nil
	}
	return n
}

func (o *object) text(key string) *string {
	n := o.get(key, `""`)
	if n == nil {
		return nil
	}
	return o.r.text(n, key+" of "+o.what)
}

// required is text that must be there and not empty.
func (o *object) required(key string) (string, bool) {
	if o.values[key] == nil {
		o.asked = append(o.asked, key)
		o.r.failAt(o.at, "%s needs the key %s", o.what, key)
		return "", false
	}
	value := o.text(key)
	if value == nil {
		return "", false
	}
	if *value == "" {
		o.r.fail(o.values[key], "%s of %s must not be empty", key, o.what)
		return "", false
	}
	return *value, true
}

func (o *object) word(key string, allowed ...string) *string {
	value := o.text(key)
	if value == nil || slices.Contains(allowed, *value) {
		return value
	}
	o.r.fail(o.values[key], "%s of %s is %q: it must be one of %s", key, o.what, *value, strings.Join(allowed, ", "))
	return nil
}

func (o *object) list(key string) (items []*yaml.Node, given bool) {
	n := o.get(key, "[]")
	if n == nil {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		o.r.fail(n, "%s of %s must be a list (lines that begin with -), not %s", key, o.what, describe(n))
		return nil, false
	}
	return n.Content, true
}

// texts is a mapping of words to words, such as labels; nil when left out.
func (o *object) texts(key string) map[string]string {
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
		if value := inner.text(k.Value); value != nil {
			found[k.Value] = *value
		}
	}
	return found
}

// moment is a point in time as RFC 3339 writes it, to the second: bindings end at
// whole seconds.
func (o *object) moment(key string) time.Time {
	n := o.get(key, "a time")
	if n == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || at.Year() < 1 || at.Unix() < 0 {
		o.r.fail(n, "%s of %s must be a time as in 2027-01-31T18:00:00Z, not %s", key, o.what, describe(n))
		return time.Time{}
	}
	return at.UTC().Truncate(time.Second)
}

// done reports every key that is not known.
func (o *object) done() {
	for _, key := range o.keys {
		if !slices.Contains(o.asked, key.Value) {
			o.r.fail(key, "unknown key %q in %s: the known ones are %s", key.Value, o.what, strings.Join(o.asked, ", "))
		}
	}
}

// text gives nil after reporting why n is not a text.
func (r *reader) text(n *yaml.Node, what string) *string {
	if !r.plain(n) {
		return nil
	}
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "%s must be a text, not %s", what, describe(n))
		return nil
	}
	if n.ShortTag() != "!!str" {
		r.fail(n, "%s must be a text, not %s: put it in quotes, as in %q", what, describe(n), n.Value)
		return nil
	}
	return &n.Value
}

// describe says in plain words what a node is.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "the truth value " + n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!timestamp":
		return "the time " + n.Value
	}
	if len(n.Value) > 40 {
		return "a text"
	}
	return "the text \"" + strings.ToValidUTF8(n.Value, "?") + "\""
}
