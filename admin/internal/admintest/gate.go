// Package admintest builds whole houses for tests: a real directory on disk, real
// policies through the real gate, a real engine and the real handlers on loopback
// sockets. It also owns the client of such tests, which writes requests byte by byte,
// because net/http tidies up what attacks are made of.
//
// Nothing but tests imports it. Neighbours: admin and everything below it.
package admintest

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// Issuer and audience of a test house's tokens.
const (
	Issuer   = "http://gatehouse.test"
	Audience = "gatehouse"
)

// Gate is one running house.
type Gate struct {
	Directory *identity.Directory
	Engine    *engine.Engine
	Authn     *authn.Authenticator
	Issuer    *token.Issuer
	Keeper    *bundles.Keeper
	Log       *slog.Logger
	Public    http.Handler
	Ops       http.Handler
	Drain     func() // as SIGTERM does
	Policies  string // folder of the overlay, "" = none

	tb      testing.TB
	address string // of the public listener
	ops     string // of the operators' listener
	apart   string // of the management listener, "" = there is none
}

type options struct {
	ingress   ingress.Config
	overlay   map[string]string
	allow     []string
	log       io.Writer
	now       func() time.Time
	passwords authn.PasswordOptions
	unfed     bool
	apart     bool
	data      string
	trusted   *trusted.Set
	heir      *Gate
}

// Option changes how a Gate is built.
type Option func(*options)

// Ingress sets the configuration of the proxies' doors.
func Ingress(c ingress.Config) Option { return func(o *options) { o.ingress = c } }

// Overlay adds the operator's policy files, by path below the overlay folder, and
// opens the questions whose custom rules may allow.
func Overlay(files map[string]string, customAllow ...string) Option {
	return func(o *options) { o.overlay, o.allow = files, customAllow }
}

// Log sends the house's log there, as JSON at level debug.
func Log(w io.Writer) Option { return func(o *options) { o.log = w } }

// Clock replaces the clock of tokens and decisions.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// Passwords sets what checking passwords may cost; its clock is the house's.
func Passwords(p authn.PasswordOptions) Option { return func(o *options) { o.passwords = p } }

// Unfed leaves engine and authn without the directory's documents; Feed gives them
// others.
func Unfed() Option { return func(o *options) { o.unfed = true } }

// Apart gives the management surfaces a listener of their own.
func Apart() Option { return func(o *options) { o.apart = true } }

// Data is the data directory, for a second house over the directory of the first.
func Data(dir string) Option { return func(o *options) { o.data = dir } }

// Trusted are other issuers whose tokens count.
func Trusted(issuers *trusted.Set) Option { return func(o *options) { o.trusted = issuers } }

// Heir takes over engine and policies of a house that is not used any more: compiling
// them is most of what a house costs.
func Heir(of *Gate) Option { return func(o *options) { o.heir = of } }

// New builds a house and ends it with the test.
func New(tb testing.TB, opts ...Option) *Gate {
	tb.Helper()
	o := options{now: time.Now}
	for _, set := range opts {
		set(&o)
	}
	log := slog.New(slog.DiscardHandler)
	if o.log != nil {
		log = slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	g := &Gate{tb: tb, Log: log, Policies: writeOverlay(tb, o.overlay)}
	g.openDirectory(o, log)
	metrics := admin.NewMetrics("test")
	if o.heir != nil {
		g.Engine, g.Keeper = o.heir.Engine, o.heir.Keeper
	} else {
		g.Engine = engine.New(engine.Options{
			Deadline: 2 * time.Second, // a loaded test machine is not what is tested
			Now:      o.now, Observe: metrics.Decision,
			Collections: []string{"accounts", "teams", "namespaces"},
		})
	}
	g.Authn = authn.New(g.Issuer, authn.Options{Logger: log, Trusted: o.trusted})
	if !o.unfed {
		g.attach()
	}
	if o.heir == nil {
		g.loadPolicies(o, log)
	}
	g.serve(o, metrics, log)
	return g
}

func writeOverlay(tb testing.TB, files map[string]string) string {
	tb.Helper()
	if files == nil {
		return ""
	}
	dir := tb.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func (g *Gate) openDirectory(o options, log *slog.Logger) {
	g.tb.Helper()
	ctx := context.Background()
	if o.data == "" {
		o.data = filepath.Join(g.tb.TempDir(), "data")
	}
	dir, err := identity.Open(ctx, identity.Options{Dir: o.data, Logger: log, Now: o.now, Create: true})
	if err != nil {
		g.tb.Fatal(err)
	}
	g.tb.Cleanup(func() {
		if err := dir.Close(); err != nil {
			g.tb.Error(err)
		}
	})
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		g.tb.Fatal(err)
	}
	if err := dir.Attach(ctx, keys, "keys"); err != nil {
		g.tb.Fatal(err)
	}
	g.Directory, g.Issuer = dir, token.NewIssuer(Issuer, Audience, keys, o.now)
}

func (g *Gate) attach() {
	g.tb.Helper()
	ctx := context.Background()
	if err := g.Directory.Attach(ctx, g.Authn, authn.Collections...); err != nil {
		g.tb.Fatal(err)
	}
	if err := g.Directory.Attach(ctx, g.Engine, "accounts", "teams", "namespaces"); err != nil {
		g.tb.Fatal(err)
	}
}

func (g *Gate) loadPolicies(o options, log *slog.Logger) {
	g.tb.Helper()
	open := map[string]any{}
	for _, question := range o.allow {
		open[question] = true
	}
	g.Keeper = bundles.NewKeeper(bundles.Folder{
		Defaults: policies.FS, Schemas: schemas.FS, Dir: g.Policies,
		Settings: map[string]any{"custom_allow": open},
	}, g.Engine, log)
	if err := g.Keeper.Load(context.Background()); err != nil {
		g.tb.Fatal(err)
	}
}

func (g *Gate) serve(o options, metrics *admin.Metrics, log *slog.Logger) {
	g.tb.Helper()
	o.passwords.Now = o.now
	deps := admin.Deps{
		Engine: g.Engine, Directory: g.Directory, Keeper: g.Keeper, Authn: g.Authn, Issuer: g.Issuer,
		Passwords: authn.NewPasswords(g.Directory, o.passwords),
		Metrics:   metrics, Logger: log, Version: "test", Now: o.now, Ingress: o.ingress, Apart: o.apart,
	}
	handlers, err := admin.New(deps)
	if err != nil {
		g.tb.Fatal(err)
	}
	g.Public, g.Ops, g.Drain = handlers.Public, handlers.Ops, handlers.Drain
	g.address, g.ops = listen(g.tb, g.Public, log), listen(g.tb, g.Ops, log)
	if handlers.Management != nil {
		g.apart = listen(g.tb, handlers.Management, log)
	}
}

// listen serves a handler with the limits of production on a loopback port.
func listen(tb testing.TB, h http.Handler, log *slog.Logger) string {
	tb.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config = admin.NewServer(h, log)
	server.Start()
	tb.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// Address is host and port of the public listener.
func (g *Gate) Address() string { return g.address }

// OpsAddress is host and port of the operators' listener.
func (g *Gate) OpsAddress() string { return g.ops }

// ManagementAddress is host and port of the listener for management; "" where the public
// one serves it.
func (g *Gate) ManagementAddress() string { return g.apart }

// Feed replaces what engine and authn know; for gates built with Unfed.
func (g *Gate) Feed(documents []identity.Change) {
	g.tb.Helper()
	var all iter.Seq2[identity.Change, error] = func(yield func(identity.Change, error) bool) {
		for _, d := range documents {
			if !yield(d, nil) {
				return
			}
		}
	}
	of := func(wanted ...string) iter.Seq2[identity.Change, error] {
		return func(yield func(identity.Change, error) bool) {
			for d, err := range all {
				for _, collection := range wanted {
					if d.Collection == collection && !yield(d, err) {
						return
					}
				}
			}
		}
	}
	ctx := context.Background()
	if err := g.Authn.Replace(ctx, 1, of(authn.Collections...)); err != nil {
		g.tb.Fatal(err)
	}
	if err := g.Engine.Replace(ctx, 1, of("accounts", "teams", "namespaces")); err != nil {
		g.tb.Fatal(err)
	}
}
