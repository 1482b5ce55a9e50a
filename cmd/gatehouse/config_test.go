package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func loadConfig(t *testing.T, file string, env map[string]string, flags map[string]any) (Config, error) {
	t.Helper()
	a := &app{env: func(name string) string { return env[name] }, in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: time.Now}
	if file != "" {
		a.configFile = writeFile(t, t.TempDir(), "gatehouse.yaml", file)
	}
	return a.load(flags)
}

func TestConfiguration_flags_win_over_environment_over_file_over_defaults(t *testing.T) {
	file := "listen: 127.0.0.1:1\nops_listen: 127.0.0.1:2\nengine: {deadline: 70ms, memo: {bytes: 2097152}, parsed_bytes: 1.5 GiB}\nlogin: {url: https://login.example.org/}\n" +
		"ingress: {nginx: {source: uri}, headers: [kubeflow, grafana]}\npolicies: {custom_allow: [ingress]}\n"
	env := map[string]string{
		"GATEHOUSE_OPS_LISTEN": "none", "GATEHOUSE_INGRESS_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "GATEHOUSE_LISTEN": "127.0.0.1:3",
		"GATEHOUSE_PASSWORDS_QUEUE": "3", "GATEHOUSE_TOKENS_TTL": "90m", "GATEHOUSE_INGRESS_CACHEABLE": "true",
		"GATEHOUSE_ENGINE_MEMO_ENABLED": "false", "GATEHOUSE_ENGINE_MEMO_ENTRIES": "7",
	}
	got, err := loadConfig(t, file, env, map[string]any{"listen": "127.0.0.1:4"})
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Listen, want.OpsListen = "127.0.0.1:4", noListener
	want.Engine.Deadline, want.Login.URL, want.Tokens.TTL = 70*time.Millisecond, "https://login.example.org/", 90*time.Minute
	want.Engine.Memo, want.Engine.ParsedBytes = MemoConfig{Enabled: false, Entries: 7, Bytes: 2 * mebibyte}, gibibyte+gibibyte/2
	want.Ingress.Nginx.Source, want.Ingress.Headers = "uri", []string{"kubeflow", "grafana"}
	want.Ingress.TrustedProxies, want.Ingress.Cacheable = []string{"10.0.0.0/8", "192.0.2.1"}, true
	want.Passwords.Queue, want.Policies.CustomAllow = 3, []string{"ingress"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestConfiguration_names_the_key_that_is_wrong(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"an unknown key":          {"ingres: {headers: [kubeflow]}\n", nil, `unknown key "ingres.headers"`},
		"a key one level off":     {"ingress: {source: uri}\n", nil, `unknown key "ingress.source"`},
		"YAML that is none":       {"listen: [\n", nil, "gatehouse.yaml: "},
		"a duration without unit": {"", map[string]string{"GATEHOUSE_ENGINE_DEADLINE": "fast"}, "engine.deadline"},
		"a deadline of a minute":  {"engine: {deadline: 1m}\n", nil, "configuration key engine.deadline: 1m0s is not between 1ms and 10s"},
		"a memo of nothing":       {"engine: {memo: {entries: 0}}\n", nil, "configuration key engine.memo.entries: must be 1 or more; engine.memo.enabled turns the memo off"},
		"a memo of a few bytes":   {"", map[string]string{"GATEHOUSE_ENGINE_MEMO_BYTES": "64"}, "configuration key engine.memo.bytes: 64 is less than 1MiB"},
		"too little for parsed":   {"engine: {parsed_bytes: 512KiB}\n", nil, "configuration key engine.parsed_bytes: 512KiB is less than 1MiB"},
		"no amount of memory":     {"engine: {parsed_bytes: lots}\n", nil, `engine.parsed_bytes: "lots" is no amount of memory such as 64MiB`},
		"an address without port": {"listen: localhost\n", nil, `configuration key listen: "localhost" is not host:port`},
		"a proxy by name":         {"ingress: {trusted_proxies: [proxy.local]}\n", nil, `configuration key ingress.trusted_proxies: "proxy.local" is neither an address nor a CIDR`},
		"an unknown log format":   {"log: {format: xml}\n", nil, `configuration key log.format: "xml" is none of text, json`},
		"an unknown preset":       {"ingress: {headers: [kubeflo]}\n", nil, "kubeflo"},
		"a relative login page":   {"login: {url: /login}\n", nil, "login"},
		"a scalar for a table":    {"ingress: yes\n", nil, "ingress"},
		"a certificate alone":     {"tls: {cert: /tls/tls.crt}\n", nil, "configuration key tls: cert and key are both needed, or neither"},
		"a key alone":             {"", map[string]string{"GATEHOUSE_TLS_KEY": "/tls/tls.key"}, "configuration key tls: cert and key are both needed"},
		"an admin listener":       {"admin: {listen: none}\n", nil, `configuration key admin.listen: "none" is not host:port`},
		"days that are none":      {"journal: {retention: 1.5d}\n", nil, `journal.retention: "1.5d" is no number of days`},
		"a list for a number":     {"passwords: {queue: [1]}\n", nil, "passwords.queue"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := loadConfig(t, tc.file, tc.env, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
	t.Run("a file that is not there", func(t *testing.T) {
		_, err := loadConfig(t, "", map[string]string{"GATEHOUSE_CONFIG": filepath.Join(t.TempDir(), "none.yaml")}, nil)
		if err == nil || !strings.Contains(err.Error(), "does not exist: name another one with --config") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCheck_prints_what_it_reads_back(t *testing.T) {
	env := map[string]string{"GATEHOUSE_INGRESS_HEADERS": "kubeflow", "GATEHOUSE_TOKENS_TTL": "1h30m"}
	first, _, err := commandWith(t, env, "check")
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := commandWith(t, nil, "check", "--config", writeFile(t, t.TempDir(), "c.yaml", first))
	if err != nil || second != first {
		t.Errorf("got %v\n%s\nwant\n%s", err, second, first)
	}
}

func TestByteSizes_are_shown_as_they_are_read(t *testing.T) {
	for text, want := range map[string]struct {
		size  byteSize
		shown string
	}{
		"0": {0, "0"}, "1024": {1024, "1KiB"}, "1025": {1025, "1025"}, "64MiB": {64 << 20, "64MiB"}, "64 MiB": {64 << 20, "64MiB"}, "1536MiB": {1536 << 20, "1536MiB"},
		"2GiB": {2 << 30, "2GiB"}, "1GB": {1e9, "1000000000"}, "0.5GiB": {512 << 20, "512MiB"},
	} {
		var got, again byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want.size || got.String() != want.shown {
			t.Errorf("%s: got %d shown as %s, %v, want %d as %s", text, got, got, err, want.size, want.shown)
		}
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%s: %s is read back as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1XB", "16EiB", "99999999EiB"} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func commandWith(t *testing.T, env map[string]string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), err
}

// shown finds a command in the documentation whose output follows it:
// <!-- run: gatehouse ARGS --> and then a fenced block.
var shown = regexp.MustCompile("(?s)<!-- run: gatehouse ([^\n]*) -->\n```[a-z]*\n(.*?)```\n")

func TestDocumentation_shows_what_commands_print(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			found++
			got, _, err := commandWith(t, nil, strings.Fields(m[1])...)
			if err != nil || got != m[2] {
				t.Errorf("%s: gatehouse %s: %v; got\n%s\nwant\n%s", page, m[1], err, got, m[2])
			}
		}
	}
	if found == 0 {
		t.Error("no page shows a command with its output")
	}
}
