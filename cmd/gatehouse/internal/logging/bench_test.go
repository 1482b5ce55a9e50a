package logging

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"
)

// answer is a record like those of the proxies' endpoints.
func answer() slog.Record {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "ingress", 0)
	r.AddAttrs(
		slog.String("id", "01JABCDEFGHJKMNPQRSTVWXYZ0"), slog.String("door", "nginx"), slog.String("effect", "allow"), slog.String("reason", "binding"),
		slog.String("method", "GET"), slog.String("host", "app.example.org"), slog.String("path", "/notebook/ns1/demo/lab"), slog.String("kind", "account"),
		slog.String("subject", "01JABCDEFGHJKMNPQRSTVWXYZ1"), slog.String("application", "notebook"), slog.String("namespace", "ns1"),
		slog.String("resource", "/notebook/{namespace}/{name}/**"), slog.String("verb", "read"),
		slog.String("policy", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), slog.Uint64("data", 1042),
		slog.String("peer", "127.0.0.1:40712"), slog.Duration("duration", 12345*time.Nanosecond),
	)
	return r
}

func BenchmarkHandle(b *testing.B) {
	out := NewWriter(io.Discard)
	for name, h := range map[string]slog.Handler{
		"text":      NewHandler(out, false, slog.LevelInfo),
		"json":      NewHandler(out, true, slog.LevelInfo),
		"slog_text": slog.NewTextHandler(io.Discard, nil),
		"slog_json": slog.NewJSONHandler(io.Discard, nil),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx, r := context.Background(), answer()
			for b.Loop() {
				_ = h.Handle(ctx, r)
			}
		})
	}
	b.Run("attrs_json", func(b *testing.B) {
		b.ReportAllocs()
		ctx, r, h := context.Background(), answer(), NewHandler(out, true, slog.LevelInfo)
		attrs := make([]slog.Attr, 0, r.NumAttrs())
		r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
		for b.Loop() {
			_ = h.HandleAttrs(ctx, r.Time, r.Level, r.Message, attrs)
		}
	})
	b.Run("making_the_record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = answer()
		}
	})
}
