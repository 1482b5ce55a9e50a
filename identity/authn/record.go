package authn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/oklog/ulid/v2"
	"github.com/valyala/fastjson"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// uid is the identifier of an account or a team in sixteen bytes.
type uid = ulid.ULID

// parseUID reads an identifier in the one spelling that the directory gives out.
func parseUID(id string) (uid, bool) {
	u, err := ulid.ParseStrict(id)
	if err != nil || u.String() != id {
		return uid{}, false
	}
	return u, true
}

// record is what authn keeps of one account: an account's token generation and the
// parts of its document, in one piece of memory, since there may be a million. It never
// changes. The empty record is that of nobody.
//
// It is: state and kind, a byte each; the generation; handle, e-mail, user id and name,
// each after its length; and the teams, sixteen bytes each.
type record string

// The states and kinds by number. Those that this version does not know are 0, and not
// among those that may act.
var (
	states = [...]identity.State{"", identity.Invited, identity.Active, identity.Disabled}
	kinds  = [...]identity.Kind{"", identity.Person, identity.Organisation, identity.Service}
)

// noAccount is in the place of the state where there is a generation and no account.
const noAccount = 0xff

// person is an account document as far as authn reads it; its texts are the reader's.
type person struct {
	state, kind                 byte
	handle, email, userID, name []byte
	teams                       []uid
}

// pack makes a record; p is nil where there is no account, and a generation of 0 says
// that there is none.
func pack(p *person, generation uint64) record {
	if p == nil {
		if generation == 0 {
			return ""
		}
		return record(binary.AppendUvarint([]byte{noAccount, 0}, generation))
	}
	b := make([]byte, 0, 2+5*binary.MaxVarintLen16+len(p.handle)+len(p.email)+len(p.userID)+len(p.name)+len(p.teams)*len(uid{}))
	b = binary.AppendUvarint(append(b, p.state, p.kind), generation)
	for _, text := range [...][]byte{p.handle, p.email, p.userID, p.name} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	for _, team := range p.teams {
		b = append(b, team[:]...)
	}
	return record(b)
}

// exists says whether there is an account; nothing but the generation may be read of a
// record without one.
func (r record) exists() bool { return r != "" && r[0] != noAccount }

func (r record) state() identity.State { return states[r[0]] }
func (r record) kind() identity.Kind   { return kinds[r[1]] }

// generation is 0 where there is none.
func (r record) generation() uint64 {
	if r == "" {
		return 0
	}
	n, _ := uvarint(string(r[2:]))
	return n
}

// texts are the parts that are text, and what follows them.
func (r record) texts() (handle, email, userID, name, teams string) {
	_, rest := uvarint(string(r[2:]))
	handle, rest = cutText(rest)
	email, rest = cutText(rest)
	userID, rest = cutText(rest)
	name, rest = cutText(rest)
	return handle, email, userID, name, rest
}

func (r record) handle() string {
	_, rest := uvarint(string(r[2:]))
	handle, _ := cutText(rest)
	return handle
}

// teamsOf are the teams in the last part of a record.
func teamsOf(teams string) iter.Seq[uid] {
	return func(yield func(uid) bool) {
		for len(teams) > 0 {
			team := uid([]byte(teams[:len(uid{})]))
			if teams = teams[len(uid{}):]; !yield(team) {
				return
			}
		}
	}
}

// withGeneration is the same record with another generation.
func (r record) withGeneration(generation uint64) record {
	if !r.exists() {
		return pack(nil, generation)
	}
	_, rest := uvarint(string(r[2:]))
	b := make([]byte, 0, len(r)+binary.MaxVarintLen16)
	b = binary.AppendUvarint(append(b, r[:2]...), generation)
	return record(append(b, rest...))
}

// uvarint is binary.Uvarint of a string.
func uvarint(s string) (n uint64, rest string) {
	for i := 0; ; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
}

func cutText(s string) (text, rest string) {
	n, rest := uvarint(s)
	return rest[:n], rest[n:]
}

// reader reads documents; its memory is used again with every one.
type reader struct {
	parser fastjson.Parser
	person person
}

var (
	errNotObject = errors.New("not an object")
	errKey       = errors.New("its key is not an id")
)

func (r *reader) object(doc []byte) (*fastjson.Object, error) {
	value, err := r.parser.ParseBytes(doc)
	if err != nil {
		return nil, err
	}
	object, err := value.Object()
	if err != nil {
		return nil, errNotObject
	}
	return object, nil
}

// account reads an account document; the person is good until the next one is read.
func (r *reader) account(doc []byte) (*person, error) {
	object, err := r.object(doc)
	if err != nil {
		return nil, err
	}
	p := &r.person
	*p = person{teams: p.teams[:0]}
	var state, kind []byte
	object.Visit(func(name []byte, value *fastjson.Value) {
		switch string(name) {
		case "state":
			state = text(value, "state", &err)
		case "kind":
			kind = text(value, "kind", &err)
		case "handle":
			p.handle = text(value, "handle", &err)
		case "email":
			p.email = text(value, "email", &err)
		case "user_id":
			p.userID = text(value, "user_id", &err)
		case "name":
			p.name = text(value, "name", &err)
		case "teams":
			r.teams(value, &err)
		}
	})
	p.state, p.kind = number(states[:], state), number(kinds[:], kind)
	return p, err
}

func (r *reader) teams(value *fastjson.Value, failed *error) {
	teams, err := value.Object()
	if err != nil {
		*failed = fmt.Errorf("teams: %w", errNotObject)
		return
	}
	teams.Visit(func(id []byte, _ *fastjson.Value) {
		team, ok := parseUID(string(id))
		if !ok {
			*failed = errors.New("teams: not an id")
		}
		r.person.teams = append(r.person.teams, team)
	})
}

func number[T ~string](of []T, name []byte) byte {
	for i := range of {
		if string(of[i]) == string(name) {
			return byte(i)
		}
	}
	return 0
}

// text is a value that must be a string; it is the parser's.
func text(value *fastjson.Value, name string, failed *error) []byte {
	b, err := value.StringBytes()
	if err != nil {
		*failed = fmt.Errorf("%s: not a string", name)
	}
	return b
}

// generation reads a generation document.
func (r *reader) generation(doc []byte) (uint64, error) {
	object, err := r.object(doc)
	if err != nil {
		return 0, err
	}
	value := object.Get("n")
	if value == nil {
		return 0, errors.New("n: is missing")
	}
	n, err := value.Uint64()
	if err != nil {
		return 0, fmt.Errorf("n: %w", err)
	}
	return n, nil
}

// team reads a team document.
func (r *reader) team(doc []byte) (team, error) {
	object, err := r.object(doc)
	if err != nil {
		return team{}, err
	}
	var handle, organisation []byte
	object.Visit(func(name []byte, value *fastjson.Value) {
		switch string(name) {
		case "handle":
			handle = text(value, "handle", &err)
		case "organisation":
			organisation = text(value, "organisation", &err)
		}
	})
	of, ok := parseUID(string(organisation))
	if err == nil && !ok {
		err = errors.New("organisation: not an id")
	}
	return team{handle: string(handle), organisation: of}, err
}
