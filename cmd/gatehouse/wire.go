package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// Names of the settings that the directory keeps, so that the command line and the
// server mint with the same issuer.
const (
	settingIssuer   = "issuer"
	settingAudience = "audience"
	defaultIssuer   = "http://127.0.0.1:9700"
	defaultAudience = "gatehouse"
)

// policyCollections are what policies see as data.identity.
var policyCollections = []string{identity.CollectionAccounts, identity.CollectionTeams, identity.CollectionNamespaces}

// gatehouse is the assembled house: the rooms that run, and the handlers that are served.
type gatehouse struct {
	directory *identity.Directory
	keeper    *bundles.Keeper
	handlers  *admin.Handlers
	now       func() time.Time
	retention time.Duration // of the journal; 0 = for ever
}

// wire builds the house around an open directory: engine and authn are fed by the
// directory's commits, the keeper feeds policies to the engine.
func wire(ctx context.Context, cfg Config, dir *identity.Directory, log *slog.Logger, now func() time.Time) (*gatehouse, error) {
	issuer, keys, err := openIssuer(ctx, dir, cfg, now)
	if err != nil {
		return nil, err
	}
	metrics := admin.NewMetrics(version)
	others, err := openTrusted(ctx, cfg, issuer, log, now, metrics.TrustedIssuers(issuerNames(cfg)...))
	if err != nil {
		return nil, err
	}
	people := authn.New(issuer, authn.Options{Logger: log, Trusted: others})
	decider := engine.New(engineOptions(cfg, now, metrics))
	if err := dir.AttachAll(ctx,
		identity.Feed{Sink: keys, Collections: []string{identity.CollectionKeys}},
		identity.Feed{Sink: people, Collections: authn.Collections},
		identity.Feed{Sink: decider, Collections: policyCollections},
	); err != nil {
		return nil, fmt.Errorf("load the directory: %w", err)
	}
	keeper := bundles.NewKeeper(policySources(cfg), decider, log)
	deps := admin.Deps{
		Engine: decider, Directory: dir, Keeper: keeper, Authn: people, Issuer: issuer,
		Passwords: authn.NewPasswords(dir, authn.PasswordOptions{
			Concurrency: cfg.Passwords.Concurrency, Queue: cfg.Passwords.Queue, Now: now,
		}),
		Metrics: metrics, Logger: log, Version: version, TokenTTL: cfg.Tokens.TTL,
		Ingress: ingressConfig(cfg), Issuers: namedIssuers(cfg), Now: now, Apart: cfg.Admin.Listen != "",
	}
	handlers, err := admin.New(deps)
	if err != nil {
		return nil, err
	}
	return &gatehouse{directory: dir, keeper: keeper, handlers: handlers, now: now, retention: cfg.Journal.Retention}, nil
}

func engineOptions(cfg Config, now func() time.Time, metrics *admin.Metrics) engine.Options {
	memo := cfg.Engine.Memo
	return engine.Options{
		Deadline: cfg.Engine.Deadline, Now: now, Observe: metrics.Decision,
		Memo:        engine.MemoOptions{Off: !memo.Enabled, Entries: memo.Entries, Bytes: int64(memo.Bytes)},
		ParsedBytes: int64(cfg.Engine.ParsedBytes),
		Collections: policyCollections,
	}
}

func ingressConfig(cfg Config) ingress.Config {
	return ingress.Config{
		TrustedProxies: cfg.Ingress.TrustedProxies,
		NginxSource:    cfg.Ingress.Nginx.Source,
		Presets:        cfg.Ingress.Headers,
		PolicyHeaders:  cfg.Ingress.PolicyHeaders,
		Smuggled:       cfg.Ingress.SmuggledHeaders,
		Cacheable:      cfg.Ingress.Cacheable,
		LoginURL:       cfg.Login.URL,
	}
}

func policySources(cfg Config) bundles.Folder {
	open := map[string]any{}
	for _, question := range cfg.Policies.CustomAllow {
		open[question] = true
	}
	return bundles.Folder{
		Defaults: policies.FS, Schemas: schemas.FS, Dir: cfg.Policies.Dir,
		Settings: map[string]any{"custom_allow": open},
	}
}

// openIssuer opens the signing keys and settles issuer and audience: what the
// configuration says is kept in the directory for the other commands.
func openIssuer(ctx context.Context, dir *identity.Directory, cfg Config, now func() time.Time) (*token.Issuer, *token.Keyring, error) {
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the signing keys: %w", err)
	}
	name, audience, err := issuerAndAudience(ctx, dir, cfg)
	if err != nil {
		return nil, nil, err
	}
	_, err = dir.Write(ctx, "serve", func(tx *identity.Tx) error {
		return errors.Join(tx.PutSetting(settingIssuer, name), tx.PutSetting(settingAudience, audience))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("keep issuer and audience: %w", err)
	}
	return token.NewIssuer(name, audience, keys, now), keys, nil
}

// issuerAndAudience are what the configuration says, else what the directory
// holds, else the defaults.
func issuerAndAudience(ctx context.Context, dir *identity.Directory, cfg Config) (issuer, audience string, err error) {
	issuer, audience = cfg.Issuer, cfg.Audience
	err = dir.Read(ctx, func(tx *identity.Tx) error {
		var errs [2]error
		issuer, errs[0] = settingOr(tx, settingIssuer, issuer, defaultIssuer)
		audience, errs[1] = settingOr(tx, settingAudience, audience, defaultAudience)
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return "", "", fmt.Errorf("read issuer and audience: %w", err)
	}
	return issuer, audience, nil
}

func settingOr(tx *identity.Tx, name, configured, otherwise string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	kept, err := tx.Setting(name)
	if errors.Is(err, identity.ErrNotFound) || (err == nil && kept == "") {
		return otherwise, nil
	}
	return kept, err
}
