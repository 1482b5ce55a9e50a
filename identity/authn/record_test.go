package authn

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// unpacked is all that a record says.
type unpacked struct {
	Exists                      bool
	Generation                  uint64
	State                       identity.State
	Kind                        identity.Kind
	Handle, Email, UserID, Name string
	Teams                       []string
}

func unpack(r record) unpacked {
	if !r.exists() {
		return unpacked{Generation: r.generation()}
	}
	u := unpacked{Exists: true, Generation: r.generation(), State: r.state(), Kind: r.kind()}
	var teams string
	u.Handle, u.Email, u.UserID, u.Name, teams = r.texts()
	for id := range teamsOf(teams) {
		u.Teams = append(u.Teams, id.String())
	}
	return u
}

func TestRecords_say_what_the_documents_say(t *testing.T) {
	long, many := strings.Repeat("名", 128), map[identity.TeamID]identity.MemberRole{}
	for range 1000 {
		many[identity.TeamID(ulid.Make().String())] = identity.Member
	}
	documents := []identity.AccountDocument{
		{Kind: identity.Person, State: identity.Active, Handle: "ada"},
		{Kind: identity.Person, State: identity.Invited, Email: "ada@example.org"},
		{Kind: identity.Organisation, State: identity.Disabled, Handle: "acme", Name: `a "name" of \ and é`},
		{Kind: identity.Service, State: identity.Active, UserID: strings.Repeat("u", 254), Name: long, Handle: "x", Email: "e@x"},
		{Kind: identity.Person, State: identity.Active, Handle: "all", Teams: many},
	}
	var r reader
	for _, doc := range documents {
		for _, generation := range []uint64{0, 1, 127, 128, math.MaxUint64} {
			encoded, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if doc.Teams == nil {
				encoded = []byte(strings.Replace(string(encoded), `"teams":null`, `"teams":{}`, 1))
			}
			p, err := r.account(encoded)
			if err != nil {
				t.Fatal(err)
			}
			want := unpacked{
				Exists: true, Generation: generation, State: doc.State, Kind: doc.Kind,
				Handle: doc.Handle, Email: doc.Email, UserID: doc.UserID, Name: doc.Name,
			}
			for id := range doc.Teams {
				want.Teams = append(want.Teams, string(id))
			}
			slices.Sort(want.Teams)
			got := pack(p, generation)
			if again := unpack(got); !reflect.DeepEqual(again, want) {
				t.Errorf("got %+v, want %+v", again, want)
			}
			if got.handle() != want.Handle {
				t.Errorf("got handle %q, want %q", got.handle(), want.Handle)
			}
			want.Generation = 300
			if again := unpack(got.withGeneration(300)); !reflect.DeepEqual(again, want) {
				t.Errorf("with generation 300: got %+v, want %+v", again, want)
			}
		}
	}
}

func TestRecords_of_nobody_hold_no_more_than_a_generation(t *testing.T) {
	for _, test := range []struct {
		record record
		want   unpacked
	}{
		{"", unpacked{}},
		{pack(nil, 0), unpacked{}},
		{pack(nil, 7), unpacked{Generation: 7}},
		{pack(nil, 7).withGeneration(9), unpacked{Generation: 9}},
		{record("").withGeneration(9), unpacked{Generation: 9}},
	} {
		if got := unpack(test.record); !reflect.DeepEqual(got, test.want) {
			t.Errorf("got %+v, want %+v", got, test.want)
		}
	}
	if got := pack(nil, 7).withGeneration(0); got != "" {
		t.Errorf("neither account nor generation: got %q, want the empty record", got)
	}
}

// TestIndexes_are_small measures what an account takes, everything included.
func TestIndexes_are_small(t *testing.T) {
	const accounts, most = 100_000, 180
	w := newWorld(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	if err := w.auth.Replace(t.Context(), 9, func(yield func(identity.Change, error) bool) {
		for n := range accounts {
			id := fmt.Sprintf("01KJMMA2G0%08X%08d", n*2654435761%4294967296, n)
			doc := fmt.Appendf(nil, `{"email":"person-%d@example.org","handle":"person-%d","kind":"person","name":"Person %d","organisations":{},"roles":{},"state":"active","teams":{"01KJMMA2G000000000000%05d":"member"}}`, n, n, n, n/20)
			if !yield(identity.Change{Collection: "accounts", Key: id, Doc: doc}, nil) ||
				!yield(identity.Change{Collection: "generations", Key: id, Doc: []byte(`{"n":1}`)}, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	each := float64(heap()-before) / accounts
	t.Logf("%.0f bytes an account", each)
	if each > most {
		t.Errorf("got %.0f bytes an account, want at most %d", each, most)
	}
	runtime.KeepAlive(w)
}
