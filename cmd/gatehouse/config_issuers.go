package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// IssuerConfig is one issuer whose tokens count beside our own (docs/issuers.md).
type IssuerConfig struct {
	Name          string   `koanf:"name"`           // in paths and metrics
	Issuer        string   `koanf:"issuer"`         // exact `iss`
	Audience      string   `koanf:"audience"`       // exact entry of `aud`
	Algorithms    []string `koanf:"algorithms"`     // empty = RS256, ES256, EdDSA
	JWKSURL       string   `koanf:"jwks_url"`       // "" = as the discovery document says
	GroupsClaim   string   `koanf:"groups_claim"`   // "" = groups are not taken over
	GroupsPrefix  string   `koanf:"groups_prefix"`  // in front of each; no two issuers have the same
	Unlinked      string   `koanf:"unlinked"`       // refuse | groups; "" = refuse
	AllowHosts    []string `koanf:"allow_hosts"`    // other hosts that the key set may be on
	AllowNetworks []string `koanf:"allow_networks"` // private networks that may be connected to
}

// trustedIssuers are the configured issuers as their package takes them; the error names
// every key that is wrong.
func trustedIssuers(list []IssuerConfig) ([]trusted.Config, error) {
	var errs []error
	configs := make([]trusted.Config, 0, len(list))
	for at, c := range list {
		networks, err := allowedNetworks(at, c.AllowNetworks)
		errs = append(errs, err)
		configs = append(configs, trusted.Config{
			Name: c.Name, Issuer: c.Issuer, Audience: c.Audience, Algorithms: c.Algorithms, JWKSURL: c.JWKSURL,
			GroupsClaim: c.GroupsClaim, GroupsPrefix: c.GroupsPrefix, Unlinked: c.Unlinked,
			AllowHosts: c.AllowHosts, AllowNetworks: networks,
		})
	}
	for _, err := range faults(trusted.Check(configs)) {
		errs = append(errs, fmt.Errorf("configuration key %w", err))
	}
	return configs, errors.Join(errs...)
}

// faults are the errors that were joined.
func faults(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

func allowedNetworks(at int, list []string) (networks []netip.Prefix, err error) {
	for _, text := range list {
		prefix, failed := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, failed = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("configuration key issuers[%d].allow_networks: %q is neither an address nor a CIDR such as 10.0.0.0/8", at, text))
			continue
		}
		networks = append(networks, prefix.Masked())
	}
	return networks, err
}

// issuerNames are the names of the configured issuers, for metrics.
func issuerNames(cfg Config) (names []string) {
	for _, c := range cfg.Issuers {
		names = append(names, c.Name)
	}
	return names
}

// namedIssuers are the configured issuers as routes name them.
func namedIssuers(cfg Config) (issuers []admin.TrustedIssuer) {
	for _, c := range cfg.Issuers {
		issuers = append(issuers, admin.TrustedIssuer{Name: c.Name, URL: c.Issuer})
	}
	return issuers
}

// openTrusted fetches the keys of the configured issuers; nil where there are none. own
// is the issuer of this house, which cannot be a trusted one too.
func openTrusted(ctx context.Context, cfg Config, own *token.Issuer, log *slog.Logger, now func() time.Time, observe func(issuer, outcome string)) (*trusted.Set, error) {
	configs, err := trustedIssuers(cfg.Issuers)
	if err != nil || len(configs) == 0 {
		return nil, err
	}
	set, err := trusted.New(configs, trusted.Options{Logger: log, Now: now, Observe: observe})
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if set.Claims(own.Name()) {
		return nil, fmt.Errorf("configuration key issuers: %s is the issuer of Gatehouse's own tokens (key issuer) and cannot be trusted as another one", own.Name())
	}
	if err := set.Load(ctx); err != nil {
		return nil, fmt.Errorf("configuration key issuers: %w", err)
	}
	return set, nil
}
