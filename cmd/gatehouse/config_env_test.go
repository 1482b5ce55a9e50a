package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// settings are all keys of a configuration with their values.
func settings(t *testing.T, c Config) map[string]any {
	t.Helper()
	k := koanf.New(".")
	if err := k.Load(structs.Provider(c, "koanf"), nil); err != nil {
		t.Fatal(err)
	}
	return k.All()
}

// fromEnvironment is, for every key, what the environment may say of it and what that
// becomes. Keys that are only valid with others bring them along.
var fromEnvironment = map[string]struct {
	text string
	want any
	with map[string]string
}{
	"listen":                   {text: "192.0.2.1:1", want: "192.0.2.1:1"},
	"ops_listen":               {text: "none", want: noListener},
	"data":                     {text: "/srv/gatehouse", want: "/srv/gatehouse"},
	"issuer":                   {text: "https://gate.example.org", want: "https://gate.example.org"},
	"audience":                 {text: "platform", want: "platform"},
	"tls.cert":                 {text: "/tls/tls.crt", want: "/tls/tls.crt", with: map[string]string{"GATEHOUSE_TLS_KEY": "/tls/tls.key"}},
	"tls.key":                  {text: "/tls/tls.key", want: "/tls/tls.key", with: map[string]string{"GATEHOUSE_TLS_CERT": "/tls/tls.crt"}},
	"admin.listen":             {text: "127.0.0.1:9702", want: "127.0.0.1:9702"},
	"tokens.ttl":               {text: "2d", want: 48 * time.Hour},
	"passwords.concurrency":    {text: "7", want: 7},
	"passwords.queue":          {text: "0", want: 0},
	"log.level":                {text: "debug", want: "debug"},
	"log.format":               {text: "json", want: "json"},
	"journal.retention":        {text: "90d", want: 90 * 24 * time.Hour},
	"engine.deadline":          {text: "70ms", want: 70 * time.Millisecond},
	"engine.memo.enabled":      {text: "false", want: false},
	"engine.memo.entries":      {text: "12", want: 12},
	"engine.memo.bytes":        {text: "2MiB", want: 2 * mebibyte},
	"engine.parsed_bytes":      {text: "3MiB", want: 3 * mebibyte},
	"policies.dir":             {text: "/policies", want: "/policies"},
	"policies.custom_allow":    {text: "ingress, admin", want: []string{"ingress", "admin"}},
	"ingress.trusted_proxies":  {text: "10.0.0.0/8,192.0.2.1", want: []string{"10.0.0.0/8", "192.0.2.1"}},
	"ingress.nginx.source":     {text: "uri", want: "uri"},
	"ingress.headers":          {text: "kubeflow", want: []string{"kubeflow"}},
	"ingress.policy_headers":   {text: "X-Tenant", want: []string{"X-Tenant"}},
	"ingress.smuggled_headers": {text: "warn", want: "warn"},
	"ingress.cacheable":        {text: "true", want: true},
	"login.url":                {text: "https://login.example.org/", want: "https://login.example.org/"},
	"issuers": {
		text: "[{name: corp, issuer: https://id.example.org, audience: gatehouse}]",
		want: []any{map[string]any{
			"name": "corp", "issuer": "https://id.example.org", "audience": "gatehouse", "algorithms": []string(nil), "jwks_url": "",
			"groups_claim": "", "groups_prefix": "", "unlinked": "", "allow_hosts": []string(nil), "allow_networks": []string(nil),
		}},
	},
}

func TestEvery_key_is_set_by_its_environment_name_alone(t *testing.T) {
	defaults := settings(t, defaultConfig())
	names := map[string]string{}
	for key, usual := range defaults {
		name := environmentName(key)
		if other, twice := names[name]; twice {
			t.Errorf("%s and %s have one name in the environment, %s", key, other, name)
		}
		names[name] = key
		// What Kubernetes puts into the environment beside a Service called gatehouse.
		if strings.HasPrefix(name, "GATEHOUSE_SERVICE_") || strings.HasPrefix(name, "GATEHOUSE_PORT") {
			t.Errorf("%s is a name of Kubernetes's", name)
		}
		row, found := fromEnvironment[key]
		if !found {
			t.Errorf("%s has no row in this test", key)
			continue
		}
		if reflect.DeepEqual(row.want, usual) {
			t.Errorf("%s: the row says what is so by default", key)
		}
		env := map[string]string{name: row.text}
		for other, text := range row.with {
			env[other] = text
		}
		cfg, err := loadConfig(t, "", env, nil)
		if err != nil {
			t.Errorf("%s=%s: %v", name, row.text, err)
			continue
		}
		got := settings(t, cfg)
		for other, value := range got {
			want := defaults[other]
			if other == key {
				want = row.want
			} else if text, along := row.with[environmentName(other)]; along {
				want = text
			}
			if !reflect.DeepEqual(value, want) {
				t.Errorf("%s=%s: %s is %#v, want %#v", name, row.text, other, value, want)
			}
		}
	}
	for key := range fromEnvironment {
		if _, known := defaults[key]; !known {
			t.Errorf("there is no key %s any more", key)
		}
	}
}
