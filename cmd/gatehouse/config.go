package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// Config is everything an operator can set. It is read from, in rising order of
// force: the defaults below, the YAML file, environment variables (the key in
// upper case with _ for . and GATEHOUSE_ in front: ingress.nginx.source is
// GATEHOUSE_INGRESS_NGINX_SOURCE; lists are separated by commas), flags.
type Config struct {
	Listen    string `koanf:"listen"`     // what proxies and clients call
	OpsListen string `koanf:"ops_listen"` // metrics, readiness in detail, pprof; "none" = not served
	Data      string `koanf:"data"`       // folder of the directory database and secret.key
	Issuer    string `koanf:"issuer"`     // `iss` of our tokens; "" = what the directory holds
	Audience  string `koanf:"audience"`   // `aud` of our tokens; "" = what the directory holds

	Tokens    TokensConfig    `koanf:"tokens"`
	Passwords PasswordsConfig `koanf:"passwords"`
	Log       LogConfig       `koanf:"log"`
	Journal   JournalConfig   `koanf:"journal"`
	Engine    EngineConfig    `koanf:"engine"`
	Policies  PoliciesConfig  `koanf:"policies"`
	Ingress   IngressConfig   `koanf:"ingress"`
	Login     LoginConfig     `koanf:"login"`
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
		Ingress: IngressConfig{
			TrustedProxies: []string{}, Nginx: NginxConfig{Source: "url"},
			Headers: []string{"oauth2-proxy"}, PolicyHeaders: []string{}, SmuggledHeaders: "refuse",
		},
	}
}

// load reads the configuration for one command; flags holds what was given on its
// command line by configuration key.
func (a *app) load(flags map[string]any) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(defaultConfig(), "koanf"), nil); err != nil {
		return Config{}, fmt.Errorf("load the default configuration: %w", err)
	}
	known := k.Keys()
	name := a.configFile
	if name == "" {
		name = a.env("GATEHOUSE_CONFIG")
	}
	if err := loadFile(k, name, known); err != nil {
		return Config{}, err
	}
	given := map[string]any{}
	for _, key := range known {
		if v := a.env(environmentName(key)); v != "" {
			given[key] = v
		}
	}
	for key, v := range flags {
		given[key] = v
	}
	if a.dataDir != "" {
		given["data"] = a.dataDir
	}
	splitLists(given)
	if err := k.Load(confmap.Provider(given, "."), nil); err != nil {
		return Config{}, fmt.Errorf("load the configuration: %w", err)
	}
	var cfg Config
	if err := k.Unmarshal("", &cfg); err != nil {
		return Config{}, decodingError(err)
	}
	return cfg, cfg.validate()
}

func environmentName(key string) string {
	return "GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func loadFile(k *koanf.Koanf, name string, known []string) error {
	if name == "" {
		return nil
	}
	inFile := koanf.New(".")
	if err := inFile.Load(file.Provider(name), yaml.Parser()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("configuration file %s does not exist: name another one with --config or GATEHOUSE_CONFIG", name)
		}
		return fmt.Errorf("configuration file %s: %w", name, err)
	}
	var errs []error
	for _, key := range inFile.Keys() {
		if !slices.Contains(known, key) {
			errs = append(errs, fmt.Errorf("configuration file %s: unknown key %q%s", name, key, nearest(key, known)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// By their full names, so that `ingress.headers: […]` is the same as the nested form.
	if err := k.Load(confmap.Provider(inFile.All(), "."), nil); err != nil {
		return fmt.Errorf("configuration file %s: %w", name, err)
	}
	return nil
}

// nearest suggests the known key that key was most likely meant to be.
func nearest(key string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := levenshtein.ComputeDistance(key, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; `gatehouse check` prints the known ones"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// decodingError says in one line what could not be read, the key first.
func decodingError(err error) error {
	var one *mapstructure.DecodeError
	if errors.As(err, &one) {
		return fmt.Errorf("configuration key %s: %w", one.Name(), one.Unwrap())
	}
	return fmt.Errorf("configuration: %w", err)
}

// splitLists turns "a,b" of environment variables and flags into lists where the
// key holds one.
func splitLists(given map[string]any) {
	for _, key := range []string{"policies.custom_allow", "ingress.trusted_proxies", "ingress.headers", "ingress.policy_headers"} {
		text, ok := given[key].(string)
		if !ok {
			continue
		}
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		given[key] = list
	}
}
