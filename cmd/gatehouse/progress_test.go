package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func TestProgress_shows_only_long_work_and_wipes_its_line(t *testing.T) {
	clock := time.Unix(0, 0)
	at := func(d time.Duration) { clock = time.Unix(0, 0).Add(d) }
	var out bytes.Buffer
	p := newProgress(&out, func() time.Time { return clock }, "import")
	if p.terminal {
		t.Error("a buffer is taken for a terminal")
	}
	p.terminal = true
	p.update(1, 100)
	p.stage("writing")
	p.done()
	if got := out.String(); got != "" {
		t.Errorf("short work shows %q, want nothing", got)
	}
	at(600 * time.Millisecond)
	p.update(40, 100)
	at(650 * time.Millisecond)
	p.update(41, 100)
	p.stage("writing")
	p.done()
	if got, want := out.String(), "\r\x1b[Kimport: 40 of 100\r\x1b[Kimport: writing …\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgress_of_long_work_is_a_line_every_ten_seconds_where_there_is_no_terminal(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	p := newProgress(&out, func() time.Time { return clock }, "import")
	file := p.reader(strings.NewReader(strings.Repeat("x", 300)), "f.yaml", 400)
	for range 30 {
		clock = clock.Add(time.Second)
		if _, err := io.CopyN(io.Discard, file, 10); err != nil {
			t.Fatal(err)
		}
	}
	p.update(300, 1000)
	p.stage("writing")
	clock = clock.Add(10 * time.Second)
	p.update(400, 1000)
	p.done()
	want := "import: reading f.yaml, 25%\nimport: reading f.yaml, 50%\nimport: reading f.yaml, 75%\nimport: 400 of 1000, 10 a second\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
