package identity_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestTwins_are_refused(t *testing.T) {
	t.Run("L02", func(t *testing.T) {
		handles := map[string]identity.Handle{
			"other case":            "ADA",
			"full width":            "ａｄａ",
			"mathematical alphabet": "𝐚𝐝𝐚",
			"mixed":                 "ＡdＡ",
			"feminine ordinal":      "ªdª",
		}
		for name, twin := range handles {
			t.Run("handle in "+name, func(t *testing.T) {
				d := fresh(t)
				person(t, d, "ada")
				err := try(t, d, func(tx *identity.Tx) error {
					_, err := tx.CreateAccount(identity.Account{Handle: twin, Kind: identity.Person, State: identity.Active})
					return err
				})
				is(t, err, identity.ErrExists)
				read(t, d, func(tx *identity.Tx) error {
					a, err := tx.AccountByHandle(twin)
					same(t, a.Handle, "ada")
					return err
				})
			})
		}
		emails := map[string]identity.Email{
			"other case":         "ÉMILE@Corp.TEST",
			"combining accent":   "e\u0301mile@corp.test",
			"full width at sign": "émile＠corp.test",
			"combining capital":  "E\u0301MILE@corp.test",
			"ligature in domain": "émile@corp.teﬆ",
		}
		for name, twin := range emails {
			t.Run("e-mail with "+name, func(t *testing.T) {
				d := fresh(t)
				invite := func(email identity.Email) error {
					return try(t, d, func(tx *identity.Tx) error {
						_, err := tx.CreateAccount(identity.Account{Email: email, Kind: identity.Person, State: identity.Invited})
						return err
					})
				}
				is(t, invite("émile@corp.test"), nil)
				is(t, invite(twin), identity.ErrExists)
				read(t, d, func(tx *identity.Tx) error {
					a, err := tx.FindAccount(string(twin))
					same(t, a.Email, "émile@corp.test")
					return err
				})
			})
		}
	})
	t.Run("a user id that spells another account's e-mail, and the other way round", func(t *testing.T) {
		d := fresh(t)
		create := func(a identity.Account) error {
			a.Kind, a.State = identity.Person, identity.Invited
			return try(t, d, func(tx *identity.Tx) error { _, err := tx.CreateAccount(a); return err })
		}
		is(t, create(identity.Account{Email: "ada@corp.test", UserID: "Ada@corp.test"}), nil)
		is(t, create(identity.Account{UserID: "ADA@corp.test"}), identity.ErrExists)
		is(t, create(identity.Account{UserID: "Bob@corp.test"}), nil)
		is(t, create(identity.Account{Email: "bob@corp.test"}), identity.ErrExists)
		is(t, create(identity.Account{UserID: "Bob@corp.test"}), identity.ErrExists)
	})
	t.Run("user ids that differ in case are different people, as in Kubernetes", func(t *testing.T) {
		d := fresh(t)
		for _, id := range []string{"alice", "Alice"} {
			write(t, d, func(tx *identity.Tx) error {
				_, err := tx.CreateAccount(identity.Account{UserID: id, Kind: identity.Person, State: identity.Invited})
				return err
			})
		}
	})
}

func TestNames_that_could_break_a_header_are_refused(t *testing.T) {
	bad := map[string]string{
		"line break": "a\r\nX-Auth-Request-Groups: admin", "comma": "a,b", "bar": "a|b", "semicolon": "a;b",
		"equals": "a=b", "quote": `a"b`, "nul": "a\x00b", "delete": "a\x7fb", "C1 control": "a\u0085b",
		"line separator": "a\u2028b", "zero width space": "a\u200bb", "soft hyphen": "a\u00adb",
		"right to left override": "a\u202eb", "variation selector": "a\ufe0fb", "grapheme joiner": "a\u034fb",
		"not UTF-8": "a\xffb", "leading blank": " zq", "trailing blank": "zq ",
	}
	t.Run("H14", func(t *testing.T) {
		d := fresh(t)
		ada := person(t, d, "ada")
		namespace(t, d, "lab", identity.AccountPrincipal(ada.ID))
		for name, value := range bad {
			fields := map[string]struct {
				field string
				write func(*identity.Tx) error
			}{
				"handle": {"handle", func(tx *identity.Tx) error {
					_, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(value), Kind: identity.Person, State: identity.Active})
					return err
				}},
				"e-mail": {"email", func(tx *identity.Tx) error {
					_, err := tx.CreateAccount(identity.Account{Email: identity.Email(value + "@x.test"), Kind: identity.Person, State: identity.Invited})
					return err
				}},
				"user id": {"user_id", func(tx *identity.Tx) error {
					return tx.UpdateAccount(identity.Account{ID: ada.ID, State: identity.Active, UserID: value})
				}},
				"name": {"name", func(tx *identity.Tx) error {
					return tx.UpdateAccount(identity.Account{ID: ada.ID, State: identity.Active, Name: value})
				}},
				"group": {"principal", func(tx *identity.Tx) error {
					return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.GroupPrincipal(value), Role: identity.View})
				}},
				"namespace": {"namespace", func(tx *identity.Tx) error {
					return tx.PutNamespace(identity.Namespace{Name: identity.NamespaceName(value), Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}})
				}},
				"role": {"role", func(tx *identity.Tx) error {
					return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.GroupPrincipal("x"), Role: identity.Role(value)})
				}},
			}
			for where, refused := range fields {
				if where == "e-mail" && name == "trailing blank" {
					continue // it is inside the address there, and white space anyway
				}
				t.Run(where+" with "+name, func(t *testing.T) {
					err := try(t, d, refused.write)
					isInvalid(t, err, refused.field)
					if err != nil && strings.Contains(err.Error(), value) {
						t.Errorf("the error repeats the value: %v", err)
					}
				})
			}
		}
	})
}

func TestHandles_have_one_form(t *testing.T) {
	for raw, want := range map[string]identity.Handle{
		"ada": "ada", "A.b_C-9": "a.b_c-9", "7": "7", "admin": "admin", "K": "k", // the last is the Kelvin sign
		strings.Repeat("a", 63): identity.Handle(strings.Repeat("a", 63)),
	} {
		got, err := identity.NormalHandle(raw)
		if got != want || err != nil {
			t.Errorf("NormalHandle(%q): got %q, %v, want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", ".", "..", "a..b", "-a", "a-", "a/b", "a%2fb", "a b", "é", "а", "me", "ME", "anonymous",
		strings.Repeat("a", 64), strings.Repeat("ａ", 64),
	} {
		if got, err := identity.NormalHandle(raw); err == nil {
			t.Errorf("NormalHandle(%q): got %q, want it refused", raw, got)
		}
	}
}

func TestEmails_have_one_form(t *testing.T) {
	long := strings.Repeat("a", 250)
	for _, raw := range []string{"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b,c@d", long + "@b.test"} {
		if got, err := identity.NormalEmail(raw); err == nil {
			t.Errorf("NormalEmail(%q): got %q, want it refused", raw, got)
		}
	}
	got, err := identity.NormalEmail("Ada.L+x@Corp.Test")
	if got != "ada.l+x@corp.test" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzNormal_names_are_their_own_normal_form(f *testing.F) {
	for _, seed := range []string{"Ada", "ａ@b", "İ@x", "ǅ@x", "e\u0301@x", "ﬃ@x", "\u0345\u0391@x", "ℋ@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if h, err := identity.NormalHandle(raw); err == nil {
			if again, err := identity.NormalHandle(string(h)); err != nil || again != h {
				t.Errorf("handle %q: got %q, then %q, %v", raw, h, again, err)
			}
			if upper, err := identity.NormalHandle(strings.ToUpper(string(h))); err != nil || upper != h {
				t.Errorf("handle %q: its upper case gives %q, %v", h, upper, err)
			}
		}
		if e, err := identity.NormalEmail(raw); err == nil {
			if again, err := identity.NormalEmail(string(e)); err != nil || again != e {
				t.Errorf("e-mail %q: got %q, then %q, %v", raw, e, again, err)
			}
		}
	})
}
