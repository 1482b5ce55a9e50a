package crud_test

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

func TestThe_page_may_show_itself_and_do_nothing_else(t *testing.T) {
	d := newDesk(t)
	got := d.wants(200, "bob", "GET", "/docs", "")
	policy := got.Header.Get("Content-Security-Policy")
	if !regexp.MustCompile(`^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`).MatchString(policy) {
		t.Errorf("the policy is %s", policy)
	}
	for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-cache"} {
		if got.Header.Get(header) != want {
			t.Errorf("%s is %q, want %q", header, got.Header.Get(header), want)
		}
	}
	for _, never := range []string{"<script", "<img", "<iframe", "<link", "<form", "style=", " on", "@import", "url("} {
		if never != " on" && strings.Contains(got.Text, never) {
			t.Errorf("the page has %s", never)
		}
	}
	if found := regexp.MustCompile(`\s(on\w+|src)=`).FindString(got.Text); found != "" {
		t.Errorf("the page has %s", found)
	}
	for _, host := range []string{"evil.test", "evil.test:1"} { // nothing is made from what the caller says
		if other := d.wants(200, "bob", "GET", "/docs", "", "X-Forwarded-Host", host, "Forwarded", "host="+host); other.Text != got.Text {
			t.Error("the page depends on headers of the request")
		}
	}
}

type axeResult struct {
	Violations []struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	Passes int
}

// Real Chromium: what the page asks for, what it complains about, and whether people who
// hear it, use a keyboard or prefer the dark can read it.
func TestThe_page_in_a_browser(t *testing.T) {
	d := newDesk(t)
	b := newBrowser(t)
	axe := string(readFile(t, filepath.Join(testtools.Modules(t, openAPITools), "axe-core/axe.min.js")))
	b.do(nil, "Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]any{"Authorization": "Bearer " + d.Token(d.people["bob"])}})
	b.look(1280, "light")
	b.open(d.url + "/docs")
	t.Run("loads itself and nothing else", func(t *testing.T) {
		requests := b.happened("Network.requestWillBeSent")
		if len(requests) != 1 || !strings.Contains(requests[0], `"documentURL":"`+d.url+`/docs"`) {
			t.Errorf("it asks for %v", requests)
		}
	})
	t.Run("has headings and landmarks for whoever hears it", func(t *testing.T) { checkOutline(t, d, b) })
	t.Run("links only to what is there", func(t *testing.T) {
		var broken []string
		b.evaluate(&broken, `[...document.querySelectorAll("a")].map(a => a.getAttribute("href"))
			.filter(to => to !== "/admin/v1/openapi.json" && !(to.startsWith("#") && document.getElementById(to.slice(1))))`)
		if len(broken) > 0 {
			t.Errorf("links to %v lead nowhere", broken)
		}
		var twice []string
		b.evaluate(&twice, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`)
		if len(twice) > 0 {
			t.Errorf("the ids %v are there twice", twice)
		}
	})
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{1280, 390} {
			t.Run(fmt.Sprintf("is readable when %s and %d wide", scheme, width), func(t *testing.T) {
				b.look(width, scheme)
				for _, at := range []string{"chapter-calling", "patchBinding", "Entry"} {
					b.evaluate(nil, `document.getElementById("`+at+`").scrollIntoView()`)
					b.picture(fmt.Sprintf("docs-%s-%d-%s", scheme, width, at))
				}
				var beyond int
				b.evaluate(&beyond, `document.documentElement.scrollWidth - window.innerWidth`)
				if beyond > 0 {
					t.Errorf("it is %d pixels wider than the window", beyond)
				}
				var found axeResult
				b.evaluate(nil, axe)
				b.evaluate(&found, `axe.run(document, {resultTypes: ["violations"]}).then(r => ({violations: r.violations, passes: r.passes.length}))`)
				for _, v := range found.Violations {
					t.Errorf("%s: %s: %d places, such as %s: %s", v.ID, v.Help, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
				}
				if found.Passes < 15 {
					t.Errorf("only %d rules were looked at", found.Passes)
				}
			})
		}
	}
	t.Run("complains of nothing", func(t *testing.T) {
		for _, event := range []string{"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed"} {
			for _, said := range b.happened(event) {
				t.Errorf("%s: %s", event, said)
			}
		}
	})
}

func checkOutline(t *testing.T, d *desk, b *browser) {
	var headings []struct {
		Level int
		Text  string
	}
	b.evaluate(&headings, `[...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map(h => ({level: +h.tagName[1], text: h.textContent}))`)
	var chapters, operations []string
	level, chapter := 0, ""
	for _, h := range headings {
		if h.Level > level+1 {
			t.Errorf("the heading %q is of level %d below one of level %d", h.Text, h.Level, level)
		}
		switch level = h.Level; {
		case h.Level == 2:
			chapter = h.Text
			chapters = append(chapters, chapter)
		case h.Level == 3 && chapter != "Schemas":
			operations = append(operations, chapter+": "+h.Text)
		}
	}
	_, doc := d.document()
	want := []string{"How to call it"}
	for _, tag := range doc.Tags {
		want = append(want, tag.Name)
	}
	if want = append(want, "Schemas"); !reflect.DeepEqual(chapters, want) {
		t.Errorf("the chapters are %v, want %v", chapters, want)
	}
	told := map[string]bool{}
	for _, operation := range operations {
		told[operation] = true
	}
	count := 0
	for _, methods := range doc.Paths {
		for _, op := range methods {
			if count++; !told[op.Tags[0]+": "+op.Summary] {
				t.Errorf("nothing is told of %s", op.OperationID)
			}
		}
	}
	if len(operations) != count {
		t.Errorf("%d operations are told of, there are %d", len(operations), count)
	}
	var landmarks map[string]int
	b.evaluate(&landmarks, `Object.fromEntries(["h1", "body > header", "nav[aria-label]", "main", "html[lang]", "title", "script"].map(s => [s, document.querySelectorAll(s).length]))`)
	if want := map[string]int{"h1": 1, "body > header": 1, "nav[aria-label]": 1, "main": 1, "html[lang]": 1, "title": 1, "script": 0}; !reflect.DeepEqual(landmarks, want) {
		t.Errorf("the page has %v, want %v", landmarks, want)
	}
}

// example is one line of the page.
var example = regexp.MustCompile(`(?s)<article aria-labelledby="(\w+)">.*?<h4>Example</h4>\s*<pre tabindex="0"><code>(.*?)</code></pre>`)

// The lines of the page are run as they stand, each against a house in which what they
// name is there.
func TestThe_lines_of_the_page_work(t *testing.T) {
	shell, curl := testtools.Program(t, "sh"), testtools.Program(t, "curl")
	if output, err := exec.CommandContext(t.Context(), curl, "--help", "all").Output(); err != nil || !strings.Contains(string(output), "--url-query") {
		testtools.Missing(t, "curl 7.87 or later is needed")
	}
	first := newDesk(t)
	examples := example.FindAllStringSubmatch(first.wants(200, "bob", "GET", "/docs", "").Text, -1)
	if len(examples) < 20 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	for _, found := range examples {
		id, line := found[1], html.UnescapeString(found[2])
		t.Run(id, func(t *testing.T) {
			d := newDesk(t, admintest.Heir(first.Gate))
			c := exec.CommandContext(t.Context(), shell, "-c", line)
			c.Env = append(d.variables(id, line), "PATH=/usr/local/bin:/usr/bin:/bin")
			output, err := c.Output()
			if err != nil || !regexp.MustCompile(`(?m)^HTTP/1.1 20[0-4] `).Match(output) {
				t.Errorf("%s\nsays %v\n%s", line, err, output)
			}
		})
	}
}

// variables are what a line takes from its shell.
func (d *desk) variables(id, line string) []string {
	values := map[string]string{
		"GATEHOUSE": d.url, "TOKEN": d.Token(d.people["root"]),
		"NAMESPACE": "lab", "PRINCIPAL": d.account("vic"), "TEAM": mlUID, "ACCOUNT": d.uid("mia"), "ORGANISATION": acmeUID,
		"JTI": miaJTI, "ISSUER": "corp", "ROLE": "auditor", "NAME": "mia",
	}
	for _, name := range regexp.MustCompile(`\$([A-Z_]+)`).FindAllStringSubmatch(line, -1) {
		if values[name[1]] == "" && name[1] != "ETAG" {
			d.tb.Fatalf("%s: the test has no value for $%s", id, name[1])
		}
	}
	switch id {
	case "putTeam": // the example is another one, and a handle never changes
		values["TEAM"] = noUID
	case "putAccount":
		values["ACCOUNT"] = noUID
	case "putOrganisation":
		values["ORGANISATION"] = noUID
	case "createToken": // for oneself
		values["ACCOUNT"] = d.uid("root")
	}
	if strings.Contains(line, "$ETAG") {
		url := regexp.MustCompile(`"\$GATEHOUSE([^"]+)"`).FindStringSubmatch(line)[1]
		values["ETAG"] = d.call("root", "GET", os.Expand(url, func(name string) string { return values[name] }), "").Header.Get("ETag")
	}
	var environment []string
	for name, value := range values {
		environment = append(environment, name+"="+value)
	}
	return environment
}
