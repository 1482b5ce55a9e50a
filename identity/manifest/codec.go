package manifest

import (
	"encoding/binary"
	"errors"
	"time"
)

// codec writes an entry into bytes or reads it from them. Each kind of entry has one
// list of its fields that serves both ways, so the two cannot come apart. What is
// written is read back by the same process only.
type codec struct {
	files   *[]string // of positions
	reading bool
	buf     []byte // what is written
	src     string // what is left to read
	broken  bool
}

var errBroken = errors.New("what was set aside of the files cannot be read back")

// encode appends an entry to buf.
func encode[T any](files *[]string, buf []byte, entry *T, fields func(*codec, *T)) []byte {
	c := &codec{files: files, buf: buf}
	fields(c, entry)
	return c.buf
}

// decode reads an entry that encode has written.
func decode[T any](files *[]string, src string, fields func(*codec, *T)) (entry T, err error) {
	c := &codec{files: files, reading: true, src: src}
	fields(c, &entry)
	if c.broken || c.src != "" {
		err = errBroken
	}
	return entry, err
}

func (c *codec) number(n *int64) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, *n)
		return
	}
	value, size := binary.Varint([]byte(c.src[:min(len(c.src), binary.MaxVarintLen64)]))
	if size <= 0 {
		c.broken, c.src = true, ""
		return
	}
	*n, c.src = value, c.src[size:]
}

func (c *codec) int(n *int) {
	wide := int64(*n)
	c.number(&wide)
	*n = int(wide)
}

func (c *codec) flag(b *bool) {
	n := int64(0)
	if *b {
		n = 1
	}
	c.number(&n)
	*b = n != 0
}

func (c *codec) text(s *string) {
	size := len(*s)
	c.int(&size)
	switch {
	case !c.reading:
		c.buf = append(c.buf, *s...)
	case size < 0 || size > len(c.src):
		c.broken, c.src = true, ""
	default:
		*s, c.src = c.src[:size], c.src[size:]
	}
}

// option is a text that may have been left out.
func (c *codec) option(s **string) {
	given := *s != nil
	c.flag(&given)
	if !given {
		return
	}
	if c.reading {
		*s = new(string)
	}
	c.text(*s)
}

// bytes keeps nil apart from nothing.
func (c *codec) bytes(b *[]byte) {
	var s *string
	if *b != nil {
		text := string(*b)
		s = &text
	}
	c.option(&s)
	if c.reading && s != nil {
		*b = []byte(*s)
	}
}

func (c *codec) moment(at *time.Time) {
	given, unix := !at.IsZero(), at.Unix()
	c.flag(&given)
	if !given {
		return
	}
	c.number(&unix)
	if c.reading {
		*at = time.Unix(unix, 0).UTC()
	}
}

// position writes a file by its number.
func (c *codec) position(p *Position) {
	file := 0
	if !c.reading {
		file = c.file(p.File)
	}
	c.int(&file)
	c.int(&p.Line)
	c.int(&p.Column)
	switch {
	case !c.reading:
	case file < 0 || file >= len(*c.files):
		c.broken = true
	default:
		p.File = (*c.files)[file]
	}
}

// file is the number of a file; nearly always it is that of the last one.
func (c *codec) file(name string) int {
	for i := len(*c.files) - 1; i >= 0; i-- {
		if (*c.files)[i] == name {
			return i
		}
	}
	*c.files = append(*c.files, name)
	return len(*c.files) - 1
}

// list writes how many there are, and each.
func list[T any](c *codec, items *[]T, each func(*codec, *T)) {
	size := len(*items)
	c.int(&size)
	if !c.reading {
		for i := range *items {
			each(c, &(*items)[i])
		}
		return
	}
	for i := 0; i < size && !c.broken; i++ {
		var item T
		each(c, &item)
		*items = append(*items, item)
	}
}

// The fields of the entries.

func accountFields(c *codec, a *account) {
	c.position(&a.at)
	for _, field := range []**string{&a.id, &a.handle, &a.email, &a.userID, &a.kind, &a.state, &a.name} {
		c.option(field)
	}
	list(c, &a.roles, textFields)
	c.flag(&a.rolesGiven)
	list(c, &a.identities, linkedFields)
}

func linkedFields(c *codec, l *linked) {
	c.position(&l.at)
	c.text(&l.issuer)
	c.text(&l.subject)
}

func textFields(c *codec, t *text) {
	c.position(&t.at)
	c.text(&t.value)
}

func organisationFields(c *codec, o *organisation) {
	c.position(&o.at)
	c.text(&o.handle)
	for _, field := range []**string{&o.id, &o.name, &o.state} {
		c.option(field)
	}
	list(c, &o.members, memberFields)
	list(c, &o.teams, teamFields)
}

func teamFields(c *codec, t *team) {
	c.position(&t.at)
	c.text(&t.handle)
	c.option(&t.id)
	c.option(&t.name)
	list(c, &t.members, memberFields)
}

func memberFields(c *codec, m *member) {
	referenceFields(c, &m.who)
	c.flag(&m.owner)
}

func referenceFields(c *codec, r *reference) {
	c.position(&r.at)
	c.text((*string)(&r.kind))
	c.text(&r.name)
}

func namespaceFields(c *codec, n *namespace) {
	c.position(&n.at)
	c.text(&n.name)
	list(c, &n.owners, referenceFields)
	labelFields(c, &n.labels)
	c.bytes(&n.quota)
	c.flag(&n.quotaGiven)
}

func labelFields(c *codec, labels *map[string]string) {
	given := *labels != nil
	c.flag(&given)
	if !given {
		return
	}
	type label struct{ key, value string }
	var pairs []label
	for key, value := range *labels {
		pairs = append(pairs, label{key, value})
	}
	list(c, &pairs, func(c *codec, l *label) {
		c.text(&l.key)
		c.text(&l.value)
	})
	if c.reading {
		*labels = make(map[string]string, len(pairs))
		for _, l := range pairs {
			(*labels)[l.key] = l.value
		}
	}
}

func bindingFields(c *codec, b *binding) {
	c.position(&b.at)
	c.text(&b.namespace)
	referenceFields(c, &b.who)
	c.text(&b.role)
	c.moment(&b.expires)
	c.flag(&b.kubeflow)
}
