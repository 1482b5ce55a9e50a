package crud

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// base is where the routes of the surface begin.
const base = "/admin/v1"

// Issuer is a trusted issuer as paths name it. Its links are kept by the URL, so that a
// name which is given to another issuer gives that one nothing.
type Issuer struct{ Name, URL string }

// Decider answers questions; *engine.Engine is one.
type Decider interface {
	Decide(ctx context.Context, entrypoint string, input engine.Value) engine.Decision
}

// Deps are what the surface works with; all but Issuers and Now are required.
type Deps struct {
	Engine    Decider
	Directory *identity.Directory
	Authn     *authn.Authenticator
	Issuer    *token.Issuer
	Passwords *authn.Passwords
	Proxies   web.Proxies
	Issuers   []Issuer
	Now       func() time.Time // nil = time.Now
	Logger    *slog.Logger
	Version   string
}

// Surface answers under /admin/v1 and /docs. It is safe for concurrent use.
type Surface struct {
	Deps
	api     huma.API
	imports importer
}

var _ web.Surface = (*Surface)(nil)

// New makes the surface.
func New(d Deps) *Surface {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Surface{Deps: d, imports: importer{limits: defaultImportLimits}}
}

// Register implements web.Surface.
func (s *Surface) Register(e *echo.Echo) {
	guarded := e.Group(base, s.admit)
	s.api = humaecho.NewWithGroup(e, guarded, apiConfig(s.Version))
	s.api.UseMiddleware(s.checkRequest)
	s.registerAccounts()
	s.registerPasswords()
	s.registerIdentities()
	s.registerRoles()
	s.registerTokens()
	s.registerOrganisations()
	s.registerOrganisationMembers()
	s.registerNamespaces()
	s.registerTeams()
	s.registerTeamMembers()
	s.registerBindings()
	s.registerPrincipals()
	s.registerJournal()
	s.registerImport()
	s.registerDocs(e, guarded) // the last: it describes the others
}

func apiConfig(version string) huma.Config {
	config := huma.DefaultConfig("Gatehouse", version)
	config.Info.Description = "Accounts, organisations, teams, namespaces and who may do what in them."
	config.Servers = []*huma.Server{{URL: base}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	config.Security = []map[string][]string{{"bearer": {}}}
	// Both are served from here, to those who may see them.
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema links, which are made from the Host header
	config.Formats = map[string]huma.Format{
		"application/json": huma.DefaultJSONFormat, "application/merge-patch+json": huma.DefaultJSONFormat,
		"application/problem+json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat, // of types that end in +json
	}
	config.RejectUnknownQueryParameters = true
	return config
}

// add registers one operation. What its handler returns as an error becomes a problem.
func add[I, O any](s *Surface, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	for _, t := range []reflect.Type{reflect.TypeFor[I](), reflect.TypeFor[O]()} {
		if name := overlooked(t); name != "" {
			panic("crud: " + op.OperationID + " embeds " + name + ", which huma overlooks: export the type")
		}
	}
	if op.DefaultStatus == 0 && op.Method == http.MethodDelete {
		op.DefaultStatus = http.StatusNoContent
	}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// overlooked names an embedded struct that huma does not look into, because its type is
// not exported: parameters in it would always be empty, and members refused.
func overlooked(t reflect.Type) string {
	for field := range t.Fields() {
		if field.Type.Kind() != reflect.Struct || !field.Anonymous && field.Name != "Body" {
			continue
		}
		if field.Anonymous && !field.IsExported() {
			return field.Name
		}
		if name := overlooked(field.Type); name != "" {
			return name
		}
	}
	return ""
}

type callerKey struct{}

// caller is who sent a request, and from where.
type caller struct {
	subject identity.Subject
	address string
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller) // the zero caller is nobody
	return c
}

// actor names the caller in the journal.
func (c caller) actor() identity.Actor {
	if c.subject.Kind == identity.SubjectAccount {
		return identity.Actor("account:" + c.subject.ID)
	}
	return identity.Actor(string(c.subject.Kind) + ":" + web.Clip(c.subject.ID, 200))
}

// admit finds out who calls. Whoever presents nothing that we know is let in only as far
// as policy lets nobody in particular read the documentation: not at all, unless the
// operator's policies say so.
func (s *Surface) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		subject, err := s.Authn.Authenticate(r.Context(), r)
		if err != nil {
			return err
		}
		who := caller{subject: subject, address: s.clientOf(r)}
		ctx := context.WithValue(r.Context(), callerKey{}, who)
		if subject.Kind == identity.SubjectAnonymous {
			if err := s.ask(ctx, read, resource{Kind: "documentation"}); err != nil {
				return err
			}
		}
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

// clientOf is the address that a request came from: the peer's where proxies say nothing.
func (s *Surface) clientOf(r *http.Request) string {
	if address, known := s.Proxies.ClientIP(r); known {
		return address.String()
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return peer.Addr().Unmap().String()
}

// checkQuery refuses a query of which huma would read a part and others another one.
func checkQuery(query string) error {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return &identity.InvalidError{Field: "query", Why: "is malformed"}
	}
	for name, values := range parameters {
		if len(values) > 1 {
			return &identity.InvalidError{Field: web.Clip(name, 128), Why: "is given more than once"}
		}
	}
	return nil
}

// checkConditions refuses a precondition that huma would read as none: whoever sends an
// empty one has lost the version and would write over any.
func checkConditions(header http.Header) error {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		switch values := header.Values(name); {
		case len(values) > 1:
			return &identity.InvalidError{Field: name, Why: "is given more than once"}
		case len(values) == 1 && strings.TrimSpace(values[0]) == "":
			return &identity.InvalidError{Field: name, Why: "is empty"}
		}
	}
	return nil
}

// checkRequest refuses what huma's decoding would let pass: repeated parameters and members,
// preconditions without a version, other text than UTF-8, more than one value.
func (s *Surface) checkRequest(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	request := humaecho.Unwrap(ctx).Request()
	if err := errors.Join(checkQuery(request.URL.RawQuery), checkConditions(request.Header)); err != nil {
		writeProblem(s.api, ctx, s.problem(ctx.Context(), err))
		return
	}
	if op.RequestBody == nil || op.Metadata[streamed] != nil {
		next(ctx)
		return
	}
	if err := web.CheckJSON(request); err != nil {
		writeProblem(s.api, ctx, s.problem(ctx.Context(), err))
		return
	}
	next(ctx)
}

// streamed marks an operation, in its metadata, whose body is no single JSON value.
const streamed = "streamed"
