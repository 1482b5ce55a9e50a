package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"
)

// both writes a record twice with the Handler, once by each of its ways, and with slog's
// own, and returns what each wrote.
func both(t *testing.T, json bool, r slog.Record, with func(slog.Handler) slog.Handler) (got, want string) {
	t.Helper()
	var ours, theirs bytes.Buffer
	w := NewWriter(&ours)
	var reference slog.Handler = slog.NewTextHandler(&theirs, nil)
	if json {
		reference = slog.NewJSONHandler(&theirs, nil)
	}
	for _, h := range []slog.Handler{with(NewHandler(w, json, slog.LevelInfo)), with(reference)} {
		if err := h.Handle(context.Background(), r); err != nil {
			t.Error(err)
		}
	}
	direct := with(NewHandler(w, json, slog.LevelInfo)).(*Handler)
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	if err := direct.HandleAttrs(context.Background(), r.Time, r.Level, r.Message, attrs); err != nil {
		t.Error(err)
	}
	w.Close()
	return ours.String(), theirs.String() + theirs.String()
}

func bare(h slog.Handler) slog.Handler { return h }

func TestLines_are_those_of_slog(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_001, time.FixedZone("", 5400))
	record := func(when time.Time, level slog.Level, message string, attrs ...slog.Attr) slog.Record {
		r := slog.NewRecord(when, level, message, 0)
		r.AddAttrs(attrs...)
		return r
	}
	for name, r := range map[string]slog.Record{
		"an answer":                        answer(),
		"nothing":                          record(time.Time{}, slog.LevelInfo, ""),
		"other levels":                     record(at, slog.LevelWarn+1, "a message of words"),
		"a time of whole units":            record(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), slog.LevelDebug, "x"),
		"a time that JSON has no form for": record(time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), slog.LevelInfo, "x"),
		"numbers": record(at, slog.LevelError, "numbers", slog.Uint64("u", math.MaxUint64), slog.Int64("i", math.MinInt64), slog.Bool("b", true),
			slog.Duration("d", 1500*time.Nanosecond), slog.Duration("none", 0), slog.Float64("f", 1e21)),
		"strings": record(at, slog.LevelInfo, `say "no"`, slog.String("empty", ""), slog.String("spaced", "a b"), slog.String("equals", "a=b"),
			slog.String("quote", `a"b`), slog.String("backslash", `a\b`), slog.String("line", "a\nb"), slog.String("del", "a\x7fb"), slog.String("del spaced", "a \x7fb"),
			slog.String("wide", "z\u00fcrich"), slog.String("broken", "\xff"), slog.String("separator", "a\u2028b"), slog.String("html", "<&>")),
		"odd keys":     record(at, slog.LevelInfo, "keys", slog.String("", "no key"), slog.Attr{}, slog.String("a b", "x"), slog.String("a=b", "x"), slog.String(`"`, "x")),
		"an odd value": record(at, slog.LevelInfo, "any", slog.Any("error", errors.New("it broke")), slog.Any("nil", nil), slog.Time("at", at), slog.Any("list", []int{1})),
		"a group":      record(at, slog.LevelInfo, "group", slog.Group("g", slog.String("a", "b")), slog.Group("empty")),
	} {
		for _, json := range []bool{false, true} {
			for kind, with := range map[string]func(slog.Handler) slog.Handler{
				"bare":       bare,
				"attributes": func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{slog.String("room", "engine")}) },
				"a group":    func(h slog.Handler) slog.Handler { return h.WithGroup("request") },
			} {
				t.Run(fmt.Sprintf("%s, json %v, with %s", name, json, kind), func(t *testing.T) {
					if got, want := both(t, json, r, with); got != want {
						t.Errorf("got  %swant %s", got, want)
					}
				})
			}
		}
	}
}

// FuzzLines looks for text that we write and slog writes in another way.
func FuzzLines(f *testing.F) {
	f.Add("ingress", "path", "/a b=\"c\"", uint64(7), int64(12345))
	f.Add("", "", "", uint64(0), int64(0))
	f.Add("x", "key\x00", "\u2028\x7f=", uint64(1), int64(-1))
	f.Fuzz(func(t *testing.T, message, key, value string, number uint64, nanoseconds int64) {
		r := slog.NewRecord(time.Unix(int64(number%1e11), nanoseconds).UTC(), slog.Level(nanoseconds%9), message, 0)
		r.AddAttrs(slog.String(key, value), slog.String("again", value), slog.Uint64("n", number), slog.Duration(key, time.Duration(nanoseconds)))
		for _, json := range []bool{false, true} {
			if got, want := both(t, json, r, bare); got != want {
				t.Errorf("json %v: got  %swant %s", json, got, want)
			}
		}
	})
}

func TestPlain_lines_are_not_left_to_slog(t *testing.T) {
	for _, json := range []bool{false, true} {
		h := NewHandler(NewWriter(new(bytes.Buffer)), json, slog.LevelInfo)
		h.slog = nil
		if err := h.Handle(t.Context(), answer()); err != nil {
			t.Error(err)
		}
	}
}

func TestLevels_below_the_chosen_one_are_off(t *testing.T) {
	h := NewHandler(NewWriter(new(bytes.Buffer)), false, slog.LevelWarn)
	for level, want := range map[slog.Level]bool{slog.LevelDebug: false, slog.LevelInfo: false, slog.LevelWarn: true, slog.LevelError: true} {
		if got := h.Enabled(t.Context(), level); got != want {
			t.Errorf("level %s: got %v, want %v", level, got, want)
		}
		if got := h.WithGroup("g").Enabled(t.Context(), level); got != want {
			t.Errorf("level %s in a group: got %v, want %v", level, got, want)
		}
	}
}
