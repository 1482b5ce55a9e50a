package authn

import (
	"errors"
	"unsafe"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// KindExternal is the kind of a credential that a trusted issuer made.
const KindExternal = "external"

// external is what a token of a trusted issuer says. It is nil for tokens of ours.
type external struct {
	token *trusted.Token
	id    string // by which the directory links the identity
}

// newExternal remembers a token of a trusted issuer. What scopes it has are between its
// issuer and others, so it is not narrowed by them; ours are other words.
func newExternal(t *trusted.Token) *verified {
	e := &external{token: t, id: t.ID()}
	return &verified{
		external: e,
		info:     identity.TokenInfo{Kind: KindExternal, JTI: t.JTI, Issuer: t.Issuer.URL()},
	}
}

// size is how many bytes its texts take beside the token itself.
func (e *external) size() int {
	if e == nil {
		return 0
	}
	n := len(e.id) + len(e.token.Subject) + len(e.token.JTI)
	for _, group := range e.token.Groups {
		n += len(group) + int(unsafe.Sizeof(group))
	}
	return n
}

// observe counts what became of a genuine token; what was not genuine has been counted.
func (e *external) observe(kind identity.SubjectKind, refused *Refused) {
	switch {
	case e == nil:
	case refused != nil:
		e.token.Issuer.Observe(refused.Reason)
	case kind == identity.SubjectExternal:
		e.token.Issuer.Observe(trusted.OutcomeUnlinked)
	default:
		e.token.Issuer.Observe(trusted.OutcomeAccepted)
	}
}

// standing finds who an identity is linked to. Where it is nobody, the issuer's
// configuration says whether it passes as a subject without account.
func (e *external) standing(x *index, before *standing, names uint64) (*standing, *Refused) {
	account, linked := x.linked.Load(e.id)
	if !linked {
		if !e.token.Issuer.TakesUnlinked() {
			return nil, &Refused{Reason: ReasonNotLinked, Detail: "nobody here is linked to the identity"}
		}
		return &standing{id: e.id}, nil
	}
	holder, _ := x.accounts.Load(account)
	if refused := mayAct(holder); refused != nil {
		return nil, refused
	}
	id := account.String()
	if before != nil && before.id == id {
		id = before.id
	}
	return x.standing(id, holder, before, names), nil
}

// putIdentity follows which account an identity is linked to.
func (w *writer) putIdentity(c identity.Change) error {
	if c.Doc == nil {
		w.linked.Delete(c.Key)
		return nil
	}
	account, err := w.reader.identity(c.Doc)
	if err != nil {
		return err
	}
	w.linked.Store(c.Key, account)
	return nil
}

// identity reads the document of a linked identity.
func (r *reader) identity(doc []byte) (account uid, err error) {
	object, err := r.object(doc)
	if err != nil {
		return uid{}, err
	}
	value := object.Get("account")
	if value == nil {
		return uid{}, errors.New("account: is missing")
	}
	name := text(value, "account", &err)
	account, ok := parseUID(string(name))
	if err == nil && !ok {
		err = errors.New("account: not an id")
	}
	return account, err
}
