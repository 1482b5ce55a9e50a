package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// Bounds in bytes of what the log repeats of requests, policies and errors.
const (
	maxLoggedPath  = 256
	maxLoggedLabel = 256
	maxLoggedFault = 512
)

// maxRecord is how many attributes a record has at most.
const maxRecord = 24

// loggedLabels are the labels of a decision that its record repeats.
var loggedLabels = []string{"application", "namespace", "resource", "verb", "rule", "why"}

// record writes the one log line of an answer. It is a warning where something broke or
// was let through that should not have been sent. Queries often hold secrets and are
// never logged; neither is what could not be parsed.
func (h *Handler) record(r *http.Request, at string, v *verdict, start, end time.Time) {
	level := slog.LevelInfo
	if v.fault != nil || v.warned != "" {
		level = slog.LevelWarn
	}
	lines := h.log.Handler()
	if !lines.Enabled(r.Context(), level) {
		return
	}
	attrs := append(v.room.attrs[:0],
		slog.String("id", v.decision.ID), slog.String("door", at),
		slog.String("effect", string(v.decision.Effect)), slog.String("reason", v.decision.Reason),
	)
	attrs = appendWord(attrs, "detail", v.detail)
	attrs = appendWord(attrs, "warned", v.warned)
	attrs = appendWord(attrs, "error", faultText(v))
	path, _, _ := strings.Cut(v.original.target, "?")
	attrs = appendWord(attrs, "method", v.original.method)
	attrs = appendWord(attrs, "host", v.original.host)
	attrs = appendWord(attrs, "path", printable(path, maxLoggedPath))
	if v.subject.Kind != "" {
		attrs = append(attrs, slog.String("kind", string(v.subject.Kind)))
	}
	if v.subject.Kind != identity.SubjectAnonymous {
		attrs = appendWord(attrs, "subject", v.subject.ID)
	}
	for _, name := range loggedLabels {
		attrs = appendWord(attrs, name, printable(v.decision.Labels[name], maxLoggedLabel))
	}
	if v.decision.PolicyRevision != "" {
		attrs = append(attrs, slog.String("policy", v.decision.PolicyRevision), slog.Uint64("data", v.decision.DataRevision))
	}
	attrs = append(attrs, slog.String("peer", r.RemoteAddr), slog.Duration("duration", end.Sub(start)))
	write(r.Context(), lines, end, level, attrs)
}

// attrsHandler is a slog.Handler that takes attributes as they are, and keeps none. A
// slog.Record would take memory for them with every line.
type attrsHandler interface {
	HandleAttrs(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error
}

// write does not ask the Logger, which looks for the line of code that calls it. A log
// that fails has nowhere to say so.
func write(ctx context.Context, lines slog.Handler, at time.Time, level slog.Level, attrs []slog.Attr) {
	const message = "ingress"
	if direct, ok := lines.(attrsHandler); ok {
		_ = direct.HandleAttrs(ctx, at, level, message, attrs)
		return
	}
	line := slog.NewRecord(at, level, message, 0)
	line.AddAttrs(attrs...)
	_ = lines.Handle(ctx, line)
}

// appendWord leaves out what there is nothing to say about.
func appendWord(attrs []slog.Attr, name, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(name, value))
}

// printable makes text of at most so many bytes that stays on one line whatever writes
// the log.
func printable(text string, most int) string {
	return web.Clip(escape(text, inLines), most)
}

// minSecret is the length in bytes below which a value of the query is not looked for
// in errors: it would be found everywhere.
const minSecret = 4

// faultText is what broke. Errors of policy functions quote their arguments, so values
// of the query are taken out.
func faultText(v *verdict) string {
	if v.fault == nil {
		return ""
	}
	text := v.fault.Error()
	for _, p := range v.original.query {
		for _, secret := range [2]string{p.key, p.value} {
			if len(secret) < minSecret {
				continue
			}
			quoted := strconv.Quote(secret)
			text = strings.ReplaceAll(text, secret, "[query]")
			text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], "[query]")
		}
	}
	return printable(text, maxLoggedFault)
}
