package manifest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestSpool_gives_back_in_order_what_came_in_any_order(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, memory := range []int{1, 100, 1 << 20} {
		s := &spool{memory: memory}
		var want []record
		for i := range 500 {
			rec := record{r.Uint64N(40), uint64(i), strings.Repeat("x", r.IntN(30))}
			want = append(want, rec)
			if err := s.add(rec.group, rec.order, func(buf []byte) []byte { return append(buf, rec.data...) }); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(want, record.compare)
		for range 2 { // as often as one likes
			var got []record
			for rec, err := range s.sorted() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, rec)
			}
			if !slices.Equal(got, want) {
				t.Errorf("with %d bytes of memory and %d runs: got %d records, want %d in order", memory, len(s.runs), len(got), len(want))
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpool_leaves_no_file_behind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &spool{memory: 1}
	if err := s.add(1, 1, func(buf []byte) []byte { return append(buf, "one"...) }); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 || s.file == nil {
		t.Errorf("got %v in the temporary folder (%v), want a file without a name", entries, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	t.Run("and says where it cannot write", func(t *testing.T) {
		t.Setenv("TMPDIR", dir+"/missing")
		err := (&spool{memory: 1}).add(1, 1, func(buf []byte) []byte { return append(buf, "one"...) })
		if err == nil || !strings.Contains(err.Error(), dir+"/missing (TMPDIR names another folder)") {
			t.Errorf("got %v, want the folder", err)
		}
	})
}

func TestEntries_are_read_back_as_they_were_set_aside(t *testing.T) {
	at := Position{"f.yaml", 3, 5}
	some := func(s string) *string { return &s }
	who := reference{at, toUser, "Ada@x.org"}
	var files []string
	check := func(t *testing.T, entry, got any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, entry) {
			t.Errorf("got  %+v (%v)\nwant %+v", got, err, entry)
		}
	}
	for _, entry := range []account{
		{},
		{at: at, handle: some("ada"), name: some(""), roles: nil, rolesGiven: true},
		{at: Position{"g.yaml", 1, 0}, id: some("1"), email: some("e"), userID: some("u"), kind: some("k"), state: some("s"), roles: []text{{at, "admin"}}},
	} {
		got, err := decode(&files, string(encode(&files, nil, &entry, accountFields)), accountFields)
		check(t, entry, got, err)
	}
	for _, entry := range []organisation{
		{},
		{at: at, handle: "o", name: some(""), members: []member{{who, true}, {who, false}}, teams: []team{{at: at, handle: "t", id: some("1"), members: []member{{who, false}}}}},
	} {
		got, err := decode(&files, string(encode(&files, nil, &entry, organisationFields)), organisationFields)
		check(t, entry, got, err)
	}
	for _, entry := range []namespace{
		{},
		{at: at, name: "n", owners: []reference{who, who}, labels: map[string]string{}, quota: []byte{}, quotaGiven: true},
		{at: at, name: "n", labels: map[string]string{"a": "", "b": "c"}, quota: []byte(`{"hard":{}}`)},
	} {
		got, err := decode(&files, string(encode(&files, nil, &entry, namespaceFields)), namespaceFields)
		check(t, entry, got, err)
	}
	for _, entry := range []binding{
		{},
		{at: at, namespace: "n", who: who, role: "view", expires: time.Unix(1e9, 0).UTC(), kubeflow: true},
		{expires: time.Unix(0, 0).UTC()},
	} {
		got, err := decode(&files, string(encode(&files, nil, &entry, bindingFields)), bindingFields)
		check(t, entry, got, err)
	}
	t.Run("and nothing that was cut short is taken", func(t *testing.T) {
		whole := string(encode(&files, nil, &binding{at: at, namespace: "n", who: who, role: "view"}, bindingFields))
		for cut := range len(whole) {
			if _, err := decode(&files, whole[:cut], bindingFields); err == nil {
				t.Errorf("the first %d of %d bytes were taken", cut, len(whole))
			}
		}
	})
}

// flat writes a tree with what a reader looks at.
func flat(n *yaml.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %q %d:%d\n", n.Kind, n.ShortTag(), n.Value, n.Line, n.Column)
	for _, child := range n.Content {
		b.WriteString(flat(child))
	}
	return b.String()
}

// FuzzJSON_lines holds the quick reader of JSON against the YAML parser, wherever the
// two languages agree on what a line says.
func FuzzJSON_lines(f *testing.F) {
	for _, line := range []string{
		`{}`, `{"a":[]}`, ` {"a" : [1, -2.5e3, true,false ,null, "x\n\"y\\", "é\u00e9", {"b":{}}]}`, `{"a":"a","a":"b"}`,
		`{"":"","é": {"ü":0}}`, `{"a":"\/"}`, `{"a":[[[[]]]],"b":0.1}`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") || line == "" || !isObject([]byte(line)) {
			return
		}
		got := new(jsonScanner).object([]byte(line)) // must not fail for anything that is valid
		var doc yaml.Node
		if strings.ContainsAny(line, "\\\t") || yaml.Unmarshal([]byte(line), &doc) != nil {
			return // YAML has other escapes, and forbids some characters
		}
		if g, w := flat(got), flat(doc.Content[0]); g != w && !strings.Contains(w, "!!merge") && !strings.Contains(w, "!!timestamp") {
			t.Errorf("%q:\ngot\n%swant\n%s", line, g, w)
		}
	})
}
