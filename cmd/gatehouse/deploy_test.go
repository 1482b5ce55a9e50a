package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
)

// A preset that gets a name must get it in every recipe, or a client's copy of the
// header would reach applications.
func TestRecipes_take_every_identity_header_from_the_client(t *testing.T) {
	t.Parallel()
	names := identityNames(t, startEveryPreset(t))
	for _, file := range []string{
		"nginx/gatehouse/guard.conf", "caddy/Caddyfile", "haproxy/gatehouse.lua",
		"traefik/dynamic.yaml", "envoy/envoy.yaml", "ingress-nginx/ingress.yaml",
	} {
		t.Run(file, func(t *testing.T) {
			text := strings.ToLower(readFile(t, filepath.Join(deployDir, file)))
			for _, name := range names {
				if !cleared(text, strings.ToLower(name)) {
					t.Errorf("%s is neither cleared nor set", name)
				}
			}
		})
	}
}

// startEveryPreset serves with all header presets.
func startEveryPreset(t *testing.T) *house {
	t.Helper()
	presets := slices.DeleteFunc(ingress.PresetNames(), func(name string) bool { return name == "none" })
	return startHouse(t, map[string]string{"GATEHOUSE_INGRESS_HEADERS": strings.Join(presets, ",")})
}

// identityNames are the headers that an allow of this house carries for the
// application: always the full set, whoever it is.
func identityNames(t *testing.T, gate *house) []string {
	t.Helper()
	door := &proxy{addr: gate.addr}
	allow := door.get(t, "http://gatehouse.test/auth/nginx", "Authorization: "+gate.bearer(t, viewer), "X-Original-Method: GET", "X-Original-URL: "+notebook)
	wantStatus(t, "a viewer, asked directly", allow, 200)
	var names []string
	for name := range allow.header {
		if !slices.Contains([]string{"Cache-Control", "Content-Length", "Date"}, name) {
			names = append(names, name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("an allow carries only %v", names)
	}
	slices.Sort(names)
	return names
}

// cleared finds a name, or Caddy's way to name all with one beginning.
func cleared(text, name string) bool {
	if strings.Contains(text, name) {
		return true
	}
	for i := range len(name) {
		if name[i] == '-' && strings.Contains(text, " -"+name[:i+1]+"*") {
			return true
		}
	}
	return false
}

// What the page shows as a whole file must be one.
func TestDocs_nginx_site_of_ones_own_is_a_whole_file(t *testing.T) {
	t.Parallel()
	_, page, found := strings.Cut(readFile(t, "../../docs/proxies.md"), "```nginx\n")
	block, _, ended := strings.Cut(page, "```")
	if !found || !ended {
		t.Fatal("the page has no nginx block")
	}
	for shown, name := range map[string]string{
		"127.0.0.1:9700": "${GATEHOUSE_ADDR}", "127.0.0.1:8888": "${UPSTREAM_ADDR}", "listen 80": "listen ${SITE_LISTEN}", "app.example.org": "${SITE_NAMES}",
	} {
		if !strings.Contains(block, shown) {
			t.Fatalf("the block does not hold %q", shown)
		}
		block = strings.ReplaceAll(block, shown, name)
	}
	gate, app := startHouse(t, nil), startUpstream(t)
	site := startNginx(t, writeFile(t, t.TempDir(), "site.tmpl", block), gate.addr, app.addr, nil)
	wantStatus(t, "a stranger", site.get(t, notebook), 401)
	wantStatus(t, "a name that is not ours", site.get(t, "http://other.test/"), 421)
	app.untouched(t)
	wantStatus(t, "a viewer", site.get(t, notebook, "Authorization: "+gate.bearer(t, viewer)), 200)
	app.one(t)
}

// Every reason that the server itself gives has a row that says what to do.
func TestDocs_tell_what_to_do_about_every_reason_of_the_server(t *testing.T) {
	page := readFile(t, "../../docs/proxies.md")
	constant := regexp.MustCompile(`(?m)^\t[rR]eason\w+ += "([a-z_]+)"`)
	found := 0
	for _, file := range []string{"admin/ingress/original.go", "engine/decide.go", "identity/authn/authenticate.go", "identity/token/token.go"} {
		for _, match := range constant.FindAllStringSubmatch(readFile(t, filepath.Join("../..", file)), -1) {
			found++
			if !regexp.MustCompile("(?m)^\\|[^|]*`" + match[1] + "`").MatchString(page) {
				t.Errorf("%s: the page has no row for %s", file, match[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d reasons were found in the code", found)
	}
}

type composeFile struct {
	Services map[string]struct {
		Environment map[string]string
		Volumes     []string
		Networks    map[string]struct {
			Address string `yaml:"ipv4_address"`
		}
	}
}

func TestCompose_trusts_exactly_its_nginx_and_fills_in_the_template(t *testing.T) {
	var compose composeFile
	parseYAML(t, "../../docker-compose.yml", &compose)
	var config struct {
		Ingress struct {
			TrustedProxies []string `yaml:"trusted_proxies"`
		}
	}
	parseYAML(t, deployDir+"/compose/gatehouse.yaml", &config)
	nginx := compose.Services["nginx"]
	if got, want := config.Ingress.TrustedProxies, []string{nginx.Networks["inside"].Address + "/32"}; !slices.Equal(got, want) {
		t.Errorf("trusted proxies are %v, want nginx alone, %v", got, want)
	}
	render(t, shippedSite, nginx.Environment)
	for name, service := range compose.Services {
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, ".") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../..", source)); err != nil {
				t.Errorf("service %s mounts what is not there: %v", name, err)
			}
		}
	}
	a := &app{env: func(string) string { return "" }, configFile: deployDir + "/compose/gatehouse.yaml"}
	if _, err := a.load(nil); err != nil {
		t.Errorf("the configuration does not load: %v", err)
	}
}

func parseYAML(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// The image has no HTTP client; what its health check does in bash is run here.
func TestImage_is_healthy_while_the_server_is_ready(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here; the image has one")
	}
	found := regexp.MustCompile(`(?s)HEALTHCHECK.*?CMD (\[.*?\])\n`).FindStringSubmatch(readFile(t, "../../Dockerfile"))
	if found == nil {
		t.Fatal("the Dockerfile has no HEALTHCHECK")
	}
	var command []string
	if err := json.Unmarshal([]byte(found[1]), &command); err != nil {
		t.Fatalf("%s: %v", found[1], err)
	}
	gate := startHouse(t, nil)
	_, port, err := net.SplitHostPort(gate.addr)
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		script := strings.ReplaceAll(command[2], "9700", port)
		out, err := exec.CommandContext(t.Context(), bash, "-c", script).CombinedOutput() // our own Dockerfile's
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := check(); err != nil {
		t.Errorf("the check fails on a ready server: %v", err)
	}
	gate.stop()
	if check() == nil {
		t.Error("the check succeeds without a server")
	}
}
