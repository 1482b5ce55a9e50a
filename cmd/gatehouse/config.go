package main

import (
	"log/slog"
	"time"
)

// Config is everything an operator can set. It is read from, in rising order of
// force: the defaults below, the YAML file, environment variables (the key in
// upper case with _ for . and GATEHOUSE_ in front: ingress.nginx.source is
// GATEHOUSE_INGRESS_NGINX_SOURCE; lists of words are separated by commas, lists of
// tables are YAML or JSON), flags.
type Config struct {
	Listen    string `koanf:"listen"`     // what proxies and clients call
	OpsListen string `koanf:"ops_listen"` // metrics, readiness in detail, pprof; "none" = not served
	Data      string `koanf:"data"`       // folder of the directory database and secret.key
	Issuer    string `koanf:"issuer"`     // `iss` of our tokens; "" = what the directory holds
	Audience  string `koanf:"audience"`   // `aud` of our tokens; "" = what the directory holds

	TLS       TLSConfig       `koanf:"tls"`
	Admin     AdminConfig     `koanf:"admin"`
	Tokens    TokensConfig    `koanf:"tokens"`
	Passwords PasswordsConfig `koanf:"passwords"`
	Log       LogConfig       `koanf:"log"`
	Journal   JournalConfig   `koanf:"journal"`
	Engine    EngineConfig    `koanf:"engine"`
	Policies  PoliciesConfig  `koanf:"policies"`
	Ingress   IngressConfig   `koanf:"ingress"`
	Login     LoginConfig     `koanf:"login"`
	Issuers   []IssuerConfig  `koanf:"issuers"` // others whose tokens count too
}

// TLSConfig names the files of the certificate, with its intermediates, and of its key,
// both in PEM. Both empty: plain HTTP. The ops listener is plain HTTP either way.
type TLSConfig struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// enabled is for a configuration that was accepted: it names both or none.
func (c TLSConfig) enabled() bool { return c.Cert != "" }

// AdminConfig is the address of what people and programs manage the directory with
// (/admin/v1, /docs); "" = the public listener serves it.
type AdminConfig struct {
	Listen string `koanf:"listen"`
}

// TokensConfig says how long a token of the login door is good for.
type TokensConfig struct {
	TTL time.Duration `koanf:"ttl"`
}

// PasswordsConfig bounds the memory and the time that password hashing may take:
// Concurrency hashes at once, Queue callers waiting, the next one is told to come back.
type PasswordsConfig struct {
	Concurrency int `koanf:"concurrency"`
	Queue       int `koanf:"queue"`
}

// LogConfig chooses what is logged (debug, info, warn, error) and how (json, text).
type LogConfig struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

const (
	formatText = "text"
	formatJSON = "json"
)

// level is what Config.validate has accepted.
func (c LogConfig) level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level))
	return level
}

// JournalConfig says how long the journal of changes is kept; 0 = for ever.
type JournalConfig struct {
	Retention time.Duration `koanf:"retention"`
}

// EngineConfig holds the time one decision may take (past it the answer is a deny) and
// the memory that may be spent on deciding faster.
type EngineConfig struct {
	Deadline    time.Duration `koanf:"deadline"`
	Memo        MemoConfig    `koanf:"memo"`
	ParsedBytes byteSize      `koanf:"parsed_bytes"` // documents kept parsed
}

// MemoConfig bounds what is remembered of decisions. Turned off, every one is made anew.
type MemoConfig struct {
	Enabled bool     `koanf:"enabled"`
	Entries int      `koanf:"entries"`
	Bytes   byteSize `koanf:"bytes"`
}

// PoliciesConfig names the operator's overlay folder ("" = embedded policies only)
// and the questions whose custom rules may allow, not only deny.
type PoliciesConfig struct {
	Dir         string   `koanf:"dir"`
	CustomAllow []string `koanf:"custom_allow"`
}

// IngressConfig shapes the three proxy endpoints.
type IngressConfig struct {
	TrustedProxies  []string    `koanf:"trusted_proxies"`  // addresses or CIDRs that may ask; empty = loopback only
	Nginx           NginxConfig `koanf:"nginx"`            //
	Headers         []string    `koanf:"headers"`          // identity header presets
	PolicyHeaders   []string    `koanf:"policy_headers"`   // request headers that policies may see
	SmuggledHeaders string      `koanf:"smuggled_headers"` // refuse | warn
	Cacheable       bool        `koanf:"cacheable"`        // true drops Cache-Control: no-store
}

// NginxConfig says which header carries the original request: url (X-Original-URL)
// or uri (X-Original-URI with X-Original-Host).
type NginxConfig struct {
	Source string `koanf:"source"`
}

// LoginConfig is where browsers are sent by the forward endpoint; "" = a plain 401.
type LoginConfig struct {
	URL string `koanf:"url"`
}

// noListener as ops_listen turns the ops listener off; an empty value would be read
// as not set.
const noListener = "none"

func defaultConfig() Config {
	return Config{
		Listen:    "127.0.0.1:9700",
		OpsListen: "127.0.0.1:9701",
		Data:      "./data",
		Tokens:    TokensConfig{TTL: 12 * time.Hour},
		Passwords: PasswordsConfig{Concurrency: 2, Queue: 16},
		Log:       LogConfig{Level: "info", Format: formatText},
		Engine: EngineConfig{
			Deadline: 50 * time.Millisecond, ParsedBytes: 64 * mebibyte,
			Memo: MemoConfig{Enabled: true, Entries: 100_000, Bytes: 64 * mebibyte},
		},
		Policies: PoliciesConfig{CustomAllow: []string{}},
		Issuers:  []IssuerConfig{},
		Ingress: IngressConfig{
			TrustedProxies: []string{}, Nginx: NginxConfig{Source: "url"},
			Headers: []string{"oauth2-proxy"}, PolicyHeaders: []string{}, SmuggledHeaders: "refuse",
		},
	}
}
