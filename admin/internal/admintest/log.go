package admintest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// LogBuffer is a log that a server writes while a test reads. The zero value is empty.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer; slog calls it once a line.
func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything that was written so far.
func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Reset forgets everything that was written so far.
func (l *LogBuffer) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// Entries are the lines whose message is msg, without what differs in every run: the
// time. A line that is not one JSON object ends the test.
func (l *LogBuffer) Entries(tb testing.TB, msg string) []map[string]any {
	tb.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			tb.Fatalf("the log has a line that is no JSON object: %q: %v", line, err)
		}
		if entry["msg"] == msg {
			delete(entry, "time")
			delete(entry, "msg")
			all = append(all, entry)
		}
	}
	return all
}
