package trusted_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

func corp(change func(*trusted.Config)) trusted.Config {
	c := trusted.Config{Name: "corp", Issuer: "https://id.corp.example/realms/main", Audience: "gatehouse"}
	if change != nil {
		change(&c)
	}
	return c
}

// faultyKeys are the keys that Check complains about.
func faultyKeys(t *testing.T, configs ...trusted.Config) (keys []string) {
	t.Helper()
	err := trusted.Check(configs)
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %T", err)
	}
	for _, one := range joined.Unwrap() {
		var fault *trusted.FieldError
		if !errors.As(one, &fault) || fault.Why == "" {
			t.Fatalf("got %v, want a FieldError", one)
		}
		keys = append(keys, fault.Key)
	}
	if _, err := trusted.New(configs, trusted.Options{}); err == nil {
		t.Error("New takes what Check refuses")
	}
	return keys
}

func TestCheck_refuses_what_would_trust_too_much(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trusted.Config)
		key    string // "" = it is fine
	}{
		"as it is (control)":                {nil, ""},
		"a loopback issuer over http":       {func(c *trusted.Config) { c.Issuer = "http://127.0.0.1:8080" }, ""},
		"localhost over http":               {func(c *trusted.Config) { c.Issuer = "http://localhost:8080" }, ""},
		"no name":                           {func(c *trusted.Config) { c.Name = "" }, "name"},
		"a name that is no path":            {func(c *trusted.Config) { c.Name = "corp/x" }, "name"},
		"upper case in a name":              {func(c *trusted.Config) { c.Name = "Corp" }, "name"},
		"no issuer":                         {func(c *trusted.Config) { c.Issuer = "" }, "issuer"},
		"J16 plain http":                    {func(c *trusted.Config) { c.Issuer = "http://id.corp.example" }, "issuer"},
		"J16 a name that begins like ours":  {func(c *trusted.Config) { c.Issuer = "http://localhost.evil.example" }, "issuer"},
		"J16 a file":                        {func(c *trusted.Config) { c.Issuer = "file:///etc/passwd" }, "issuer"},
		"a user":                            {func(c *trusted.Config) { c.Issuer = "https://u:p@id.corp.example" }, "issuer"},
		"a query":                           {func(c *trusted.Config) { c.Issuer = "https://id.corp.example?x" }, "issuer"},
		"a bar, which parts issuer and sub": {func(c *trusted.Config) { c.Issuer = "https://id.corp.example/a|b" }, "issuer"},
		"no audience":                       {func(c *trusted.Config) { c.Audience = "" }, "audience"},
		"no signature":                      {func(c *trusted.Config) { c.Algorithms = []string{"none"} }, "algorithms"},
		"a shared secret":                   {func(c *trusted.Config) { c.Algorithms = []string{"RS256", "HS256"} }, "algorithms"},
		"J16 keys over plain http":          {func(c *trusted.Config) { c.JWKSURL = "http://id.corp.example/keys" }, "jwks_url"},
		"J16 keys at metadata":              {func(c *trusted.Config) { c.JWKSURL = "http://169.254.169.254/keys" }, "jwks_url"},
		"J16 keys on another host":          {func(c *trusted.Config) { c.JWKSURL = "https://keys.example/keys" }, "jwks_url"},
		"keys on a listed host": {func(c *trusted.Config) {
			c.JWKSURL, c.AllowHosts = "https://keys.example/keys", []string{"keys.example"}
		}, ""},
		"keys on a listed host, another port": {func(c *trusted.Config) {
			c.JWKSURL, c.AllowHosts = "https://keys.example:8443/keys", []string{"keys.example"}
		}, "jwks_url"},
		"a URL for a host":           {func(c *trusted.Config) { c.AllowHosts = []string{"https://keys.example"} }, "allow_hosts"},
		"another word for strangers": {func(c *trusted.Config) { c.Unlinked = "allow" }, "unlinked"},
		"strangers without groups":   {func(c *trusted.Config) { c.Unlinked = trusted.UnlinkedGroups }, "groups_claim"},
		"strangers with groups":      {func(c *trusted.Config) { c.Unlinked, c.GroupsClaim = trusted.UnlinkedGroups, "groups" }, ""},
		"a prefix with a comma":      {func(c *trusted.Config) { c.GroupsPrefix = "a," }, "groups_prefix"},
	} {
		var want []string
		if c.key != "" {
			want = []string{"issuers[0]." + c.key}
		}
		if got := faultyKeys(t, corp(c.change)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestCheck_keeps_issuers_apart(t *testing.T) {
	second := func(change func(*trusted.Config)) trusted.Config {
		return corp(func(c *trusted.Config) {
			c.Name, c.Issuer, c.GroupsPrefix = "lab", "https://id.lab.example", "lab:"
			change(c)
		})
	}
	first := corp(func(c *trusted.Config) { c.GroupsClaim = "groups" })
	for name, c := range map[string]struct {
		change func(*trusted.Config)
		key    string
	}{
		"apart (control)":                  {func(*trusted.Config) {}, ""},
		"the same name":                    {func(c *trusted.Config) { c.Name = first.Name }, "name"},
		"J06 the same issuer":              {func(c *trusted.Config) { c.Issuer = first.Issuer }, "issuer"},
		"J06 a slash apart":                {func(c *trusted.Config) { c.Issuer = first.Issuer + "/" }, "issuer"},
		"J06 a letter's case apart":        {func(c *trusted.Config) { c.Issuer = strings.Replace(first.Issuer, "id.", "ID.", 1) }, "issuer"},
		"J06 a port that is meant anyway":  {func(c *trusted.Config) { c.Issuer = strings.Replace(first.Issuer, ".example", ".example:443", 1) }, "issuer"},
		"both without a prefix":            {func(c *trusted.Config) { c.GroupsClaim, c.GroupsPrefix = "groups", "" }, "groups_prefix"},
		"without a prefix, without groups": {func(c *trusted.Config) { c.GroupsPrefix = "" }, ""},
	} {
		var want []string
		if c.key != "" {
			want = []string{"issuers[1]." + c.key}
		}
		if got := faultyKeys(t, first, second(c.change)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
