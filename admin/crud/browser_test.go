package crud_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// browser is one page of a real Chromium, driven through its DevTools protocol.
type browser struct {
	tb      testing.TB
	conn    *websocket.Conn
	session string
	last    int
	// events are what the page did: one message each, in their order.
	events []message
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

const browserTime = 60 * time.Second // a test that needs it all has failed

// newBrowser starts Chromium and ends it with the test.
func newBrowser(tb testing.TB) *browser {
	tb.Helper()
	path := testtools.Program(tb, "chromium", "chromium-browser", "google-chrome")
	arguments := []string{
		"--headless", "--remote-debugging-port=0", "--user-data-dir=" + tb.TempDir(), "--disable-gpu", "--hide-scrollbars",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
	}
	if os.Geteuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // Chromium has none for root
	}
	// Not the context of the test, which would kill it before it has cleaned up.
	c := exec.CommandContext(context.Background(), path, append(arguments, "about:blank")...)
	stderr, err := c.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	var said strings.Builder // read only when ended
	go func() {
		defer close(ended) // all processes of the browser have closed it
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if _, found, is := strings.Cut(lines.Text(), "DevTools listening on "); is {
				address <- found
			}
		}
	}()
	b := &browser{tb: tb}
	tb.Cleanup(func() {
		if b.conn != nil {
			_ = b.conn.WriteJSON(map[string]any{"id": 0, "method": "Browser.close"}) // else it is killed
			_ = b.conn.Close()
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
		_ = c.Wait() // how it ended is not what is tested
	})
	select {
	case at := <-address:
		b.attach(at)
	case <-ended:
		tb.Fatalf("chromium did not start:\n%s", said.String())
	case <-time.After(browserTime):
		tb.Fatal("chromium does not say where it listens")
	}
	return b
}

// attach opens a page to drive.
func (b *browser) attach(address string) {
	b.tb.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(address, nil)
	if err != nil {
		b.tb.Fatal(err)
	}
	_ = response.Body.Close()
	b.conn = conn
	var target struct{ TargetID string }
	b.do(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var session struct{ SessionID string }
	b.do(&session, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true})
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.do(nil, domain+".enable", nil)
	}
}

// do sends a command and waits for what it results in.
func (b *browser) do(result any, method string, params map[string]any) {
	b.tb.Helper()
	b.last++
	command := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		delete(command, "params")
	}
	if b.session != "" {
		command["sessionId"] = b.session
	}
	if err := b.conn.WriteJSON(command); err != nil {
		b.tb.Fatal(err)
	}
	for {
		m := b.next()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.tb.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.tb.Fatalf("%s: %s: %v", method, m.Result, err)
			}
		}
		return
	}
}

// next reads a message, and keeps it where it is an event.
func (b *browser) next() message {
	b.tb.Helper()
	var m message
	if err := b.conn.SetReadDeadline(time.Now().Add(browserTime)); err != nil {
		b.tb.Fatal(err)
	}
	if err := b.conn.ReadJSON(&m); err != nil {
		b.tb.Fatal(err)
	}
	if m.Method != "" {
		b.events = append(b.events, m)
	}
	return m
}

// open loads a page and waits until it is there.
func (b *browser) open(url string) {
	b.tb.Helper()
	b.do(nil, "Page.navigate", map[string]any{"url": url})
	for len(b.happened("Page.loadEventFired")) == 0 {
		b.next()
	}
}

// happened gives the events of a kind.
func (b *browser) happened(method string) []string {
	var found []string
	for _, m := range b.events {
		if m.Method == method {
			found = append(found, string(m.Params))
		}
	}
	return found
}

// evaluate runs an expression in the page, and decodes what it or its promise gives.
func (b *browser) evaluate(into any, expression string) {
	b.tb.Helper()
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.do(&result, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if result.ExceptionDetails != nil {
		b.tb.Fatalf("%.100s: %s", expression, result.ExceptionDetails)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(result.Result.Value, into); err != nil {
		b.tb.Fatalf("%.100s: %s: %v", expression, result.Result.Value, err)
	}
}

// look sets how wide the window is and whether its user likes it dark.
func (b *browser) look(width int, scheme string) {
	b.tb.Helper()
	b.do(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false})
	b.do(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
}

// picture keeps what the window shows among the artifacts of the test.
func (b *browser) picture(name string) {
	b.tb.Helper()
	t, is := b.tb.(interface{ ArtifactDir() string })
	if !is {
		return
	}
	var shot struct{ Data string }
	b.do(&shot, "Page.captureScreenshot", map[string]any{"format": "png"})
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		b.tb.Fatal(err)
	}
}
