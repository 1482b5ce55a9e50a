package bundles

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

var update = flag.Bool("update", false, "write the committed files that tests compare with")

// leftOut names every builtin of the linked OPA that policies may not use, and
// why. A builtin that a new OPA brings has to be put here or into the file.
var leftOut = map[string]string{
	"http.send":              "network",
	"net.lookup_ip_addr":     "network",
	"json.match_schema":      "network: a schema may refer to a remote one",
	"json.verify_schema":     "network: a schema may refer to a remote one",
	"opa.runtime":            "shows the server's environment",
	"rego.parse_module":      "parses Rego at decision time",
	"rand.intn":              "random: a decision could not be repeated",
	"uuid.rfc4122":           "random: a decision could not be repeated",
	"uuid.parse":             "belongs to uuid.rfc4122",
	"io.jwt.encode_sign":     "signs: keys do not belong into policies",
	"io.jwt.decode_verify":   "reads the clock, and verifying is the server's",
	"io.jwt.encode_sign_raw": "signs: keys do not belong into policies",
	"crypto.x509.parse_and_verify_certificates":              "reads the clock",
	"crypto.x509.parse_and_verify_certificates_with_options": "reads the clock",
	"json.patch":              "small patches can make huge documents",
	"bits.lsh":                "a large shift runs past every deadline",
	"graph.reachable_paths":   "exponential, and runs past every deadline",
	"strings.render_template": "nested loops in a template run past every deadline",
}

func Test_the_allow_list_holds_every_builtin_of_the_linked_OPA_but_those_left_out_for_a_reason(t *testing.T) {
	linked := ast.CapabilitiesForThisVersion()
	want := *linked
	want.Builtins = nil
	for _, b := range linked.Builtins {
		if _, out := leftOut[b.Name]; !out {
			want.Builtins = append(want.Builtins, b)
		}
	}
	want.AllowNet = []string{}
	want.WasmABIVersions = nil
	if *update {
		writeJSON(t, "capabilities.json", struct {
			*ast.Capabilities
			AllowNet []string `json:"allow_net"` // also when empty
		}{&want, want.AllowNet})
	}
	if got, want := len(want.Builtins), len(linked.Builtins)-len(leftOut); got != want {
		t.Errorf("builtins that are not left out: got %d, want %d: a name in leftOut does not exist", got, want)
	}
	if got, want := names(Capabilities()), names(&want); !slices.Equal(got, want) {
		t.Errorf("allow-list:\ngot  %v\nwant %v", got, want)
	}
	if got := Capabilities().AllowNet; got == nil || len(got) != 0 {
		t.Errorf("allow_net: got %#v, want an empty list", got)
	}
	if got, want := Capabilities().Features, linked.Features; !slices.Equal(got, want) {
		t.Errorf("features: got %v, want %v", got, want)
	}
}

func Test_of_the_nondeterministic_builtins_only_the_clock_is_allowed(t *testing.T) {
	var got []string
	for _, b := range Capabilities().Builtins {
		if linked := ast.BuiltinMap[b.Name]; linked != nil && linked.Nondeterministic {
			got = append(got, b.Name)
		}
	}
	if want := []string{"time.now_ns"}; !slices.Equal(got, want) {
		t.Errorf("nondeterministic builtins: got %v, want %v", got, want)
	}
}

func names(c *ast.Capabilities) []string {
	var names []string
	for _, b := range c.Builtins {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	return names
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
