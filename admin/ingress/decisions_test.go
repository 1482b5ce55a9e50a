package ingress_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// decisionCase is one case of testdata/decisions: a directory, a request and the
// decision that must come of it, whichever way it is asked.
type decisionCase struct {
	Description string                               `yaml:"description"`
	Directory   map[string]map[string]map[string]any `yaml:"directory"`
	Subject     string                               `yaml:"subject"` // account uid or anonymous
	Request     struct {
		Method    string            `yaml:"method"`
		URL       string            `yaml:"url"`
		WebSocket bool              `yaml:"websocket"`
		Headers   map[string]string `yaml:"headers"` // those that policy is shown
		ClientIP  string            `yaml:"client_ip"`
	} `yaml:"request"`
	Want struct {
		Effect engine.Effect     `yaml:"effect"`
		Reason string            `yaml:"reason"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"want"`
}

func TestDecisions_are_the_same_from_the_engine_and_from_every_door(t *testing.T) {
	files, err := filepath.Glob("../../testdata/decisions/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	gate := admintest.New(t, admintest.Unfed())
	for _, file := range files {
		cases := readCases(t, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Description, func(t *testing.T) {
					gate.Feed(documentsOf(t, c.Directory))
					checkEngine(t, gate, c)
					for _, at := range admintest.Doors {
						checkDoor(t, gate, at, c)
					}
				})
			}
		})
	}
}

func readCases(t *testing.T, file string) []decisionCase {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	var cases []decisionCase
	if err := decoder.Decode(&cases); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return cases
}

// documentsOf adds the generation of every account, without which no token counts.
func documentsOf(t *testing.T, directory map[string]map[string]map[string]any) []identity.Change {
	t.Helper()
	var changes []identity.Change
	for collection, documents := range directory {
		for key, document := range documents {
			raw, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, identity.Change{Collection: collection, Key: key, Doc: raw})
			if collection == "accounts" {
				changes = append(changes, identity.Change{Collection: "generations", Key: key, Doc: []byte(`{"n":1}`)})
			}
		}
	}
	return changes
}

func (c decisionCase) subject() identity.Subject {
	if c.Subject == "anonymous" || c.Subject == "" {
		return identity.Subject{Kind: identity.SubjectAnonymous}
	}
	return identity.Subject{
		ID: c.Subject, Kind: identity.SubjectAccount,
		Token: identity.TokenInfo{Kind: "access", JTI: "test", Issuer: admintest.Issuer},
	}
}

func checkEngine(t *testing.T, gate *admintest.Gate, c decisionCase) {
	t.Helper()
	h := http.Header{"X-Original-Url": {c.Request.URL}, "X-Original-Method": {c.Request.Method}}
	if c.Request.WebSocket {
		h["Sec-Websocket-Key"] = []string{"x"}
	}
	type decision struct {
		Effect engine.Effect
		Reason string
		Labels map[string]string
	}
	got := decision{Effect: engine.Deny}
	input, refused := ingress.QuestionOf(c.subject(), h, c.Request.ClientIP, c.Request.Headers)
	if refused != "" {
		got.Reason = refused
	} else {
		d := gate.Engine.Decide(context.Background(), "gatehouse/ingress/decision", input)
		got = decision{d.Effect, d.Reason, d.Labels}
	}
	want := decision{c.Want.Effect, c.Want.Reason, c.Want.Labels}
	if len(want.Labels) == 0 {
		got.Labels, want.Labels = nil, nil // the case does not say
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("engine: got %+v, want %+v", got, want)
	}
}

func checkDoor(t *testing.T, gate *admintest.Gate, at door, c decisionCase) {
	t.Helper()
	var headers []header
	if s := c.subject(); s.Kind == identity.SubjectAccount {
		raw, _, err := gate.Issuer.Access(token.User{ID: s.ID}, 1, token.AccessOptions{TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header{Name: "Authorization", Value: "Bearer " + raw})
	}
	if c.Request.WebSocket {
		headers = append(headers, header{Name: "Sec-WebSocket-Key", Value: "x"})
	}
	if c.Request.ClientIP != "" {
		headers = append(headers, header{Name: "X-Forwarded-For", Value: c.Request.ClientIP})
	}
	for name, value := range c.Request.Headers {
		headers = append(headers, header{Name: name, Value: value})
	}
	want := outcome{http.StatusForbidden, c.Want.Reason}
	switch c.Want.Effect {
	case engine.Allow:
		want = allowed
	case engine.Login:
		want.Status = http.StatusUnauthorized
	}
	expect(t, string(at), gate.Ask(at, c.Request.Method, c.Request.URL, headers...), want)
}
