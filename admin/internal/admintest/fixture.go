package admintest

import (
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Site is the house of the security tests: app.test with /public for everybody, /api
// for members of namespace team-a and /admin for holders of the role admin; pub.test
// for everybody.
type Site struct {
	*Gate
	Alice identity.Account // owns nothing, edits team-a
	Bob   identity.Account // has no part in anything
	Root  identity.Account // has the platform role admin
}

// SiteRoutes are the operator's routes of a Site.
const SiteRoutes = `{
  "**": [{"host": "pub.test", "path": "/**", "application": "pub", "access": "public"}],
  "public": [
    {"host": "app.test", "path": "/public/**", "application": "app", "access": "public"},
    {"host": "xn--bcher-kva.test", "path": "/public/**", "application": "books", "access": "public"}
  ],
  "files": [{"host": "app.test", "path": "/files/**", "application": "app", "access": "public", "encoded_slash": true}],
  "api": [{"host": "app.test", "path": "/api/**", "application": "app", "access": "namespace", "namespace": "team-a"}],
  "admin": [{"host": "app.test", "path": "/admin/**", "application": "app", "access": "role:admin"}]
}
`

// siteOffice is a rule on the client's address: /public/office is for 10.0.0.0/8.
const siteOffice = `package custom.ingress.office

deny contains "not from the office" if {
	input.request.path[1] == "office"
	not from_office
}

from_office if net.cidr_contains("10.0.0.0/8", input.request.client_ip)
`

// SiteOverlay is the policy folder of a Site.
func SiteOverlay() map[string]string {
	return map[string]string{"custom/routes/data.json": SiteRoutes, "custom/ingress/office/office.rego": siteOffice}
}

// NewSite builds one.
func NewSite(tb testing.TB, opts ...Option) *Site {
	tb.Helper()
	s := &Site{Gate: New(tb, append([]Option{Overlay(SiteOverlay(), "ingress")}, opts...)...)}
	s.Alice, s.Bob = s.Person("alice"), s.Person("bob")
	s.Root = s.Person("root-user", "admin")
	s.Namespace("team-a", s.Root)
	s.Bind("team-a", s.Alice, identity.Edit)
	return s
}
