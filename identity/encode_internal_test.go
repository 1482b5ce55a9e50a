package identity

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// namespaceDocumentOf is a document as encoding/json is given it, which defines what
// its encoding is.
func namespaceDocumentOf(n Namespace) NamespaceDocument {
	doc := NamespaceDocument{Bindings: map[Principal]BindingDocument{}, Labels: n.Labels, Owners: map[Principal]bool{}}
	for _, owner := range n.Owners {
		doc.Owners[owner] = true
	}
	for _, b := range n.Bindings {
		doc.Bindings[b.Principal] = BindingDocument{Role: b.Role, Expires: seconds(b.Expires)}
	}
	return doc
}

// texts holds what encoders of JSON treat in ways of their own.
var texts = []string{
	"", "a", "ada", "<b>&amp;</b>", `"`, `\`, "\n", "\t\r\b\f", "\x00\x1f\x7f", "é", "名前", "\u2028", "\u2029", "\u00a0", "𝒜",
	"\xff", "a\xc3", "\xed\xa0\x80", "\ufffd", "/", "'", "key\u2028end", strings.Repeat("x", 300),
}

func sameEncoding(t *testing.T, got []byte, document any) {
	t.Helper()
	want, err := encode(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestEncodings_are_those_of_encoding_json(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 8))
	text := func() string {
		s := ""
		for range draw.IntN(4) {
			s += texts[draw.IntN(len(texts))]
		}
		return s
	}
	for range 5000 {
		a := Account{
			Email: Email(text()), Handle: Handle(text()), Kind: Kind(text()), Name: text(), State: State(text()), UserID: text(),
			Teams: map[TeamID]MemberRole{}, Organisations: map[AccountID]MemberRole{},
		}
		n := Namespace{Labels: map[string]string{}}
		seen := map[string]bool{}
		for range draw.IntN(5) {
			key := text()
			if seen[key] {
				continue
			}
			seen[key] = true
			a.Teams[TeamID(key)], a.Organisations[AccountID(key+"o")] = MemberRole(text()), MemberRole(text())
			a.Roles = append(a.Roles, PlatformRole(key))
			n.Labels[key], n.Owners = text(), append(n.Owners, Principal(key))
			b := Binding{Principal: Principal(key), Role: Role(text())}
			if draw.IntN(2) == 0 {
				b.Expires = time.Unix(draw.Int64N(1<<40), 0)
			}
			n.Bindings = append(n.Bindings, b)
		}
		sameEncoding(t, a.record().appendTo(nil), a.document())
		sameEncoding(t, n.record().appendTo(nil), namespaceDocumentOf(n))
		g := draw.Uint64()
		sameEncoding(t, appendGeneration(nil, g), GenerationDocument{N: g})
	}
}

func FuzzEncodings_are_those_of_encoding_json(f *testing.F) {
	for _, s := range texts {
		f.Add(s, s+"x", int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, one, two string, expires int64) {
		a := Account{
			Email: Email(one), Handle: Handle(two), Kind: Kind(one + two), Name: two, State: State(two), UserID: one,
			Teams:         map[TeamID]MemberRole{TeamID(one): MemberRole(two), TeamID(two): MemberRole(one)},
			Organisations: map[AccountID]MemberRole{AccountID(two + one): MemberRole(two)}, Roles: []PlatformRole{PlatformRole(one)},
		}
		sameEncoding(t, a.record().appendTo(nil), a.document())
		n := Namespace{
			Labels: map[string]string{one: two}, Owners: []Principal{Principal(one)},
			Bindings: []Binding{{Principal: Principal(one), Role: Role(two), Expires: moment(expires)}},
		}
		if two != one {
			n.Bindings = append(n.Bindings, Binding{Principal: Principal(two), Role: Role(one)})
		}
		sameEncoding(t, n.record().appendTo(nil), namespaceDocumentOf(n))
		if encoded := appendString(nil, one); !json.Valid(encoded) {
			t.Fatalf("%q is not JSON", encoded)
		}
	})
}
