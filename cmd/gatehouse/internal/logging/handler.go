// Package logging writes the server's log: lines of the form that log/slog gives them,
// encoded without its cost where a line is plain, and gathered so that an answer does
// not wait for a system call.
//
// It owns how lines are encoded and when they are written. It does not own what is
// logged, or at which level: the rooms log through a *slog.Logger that the command makes
// from a Handler of this package. Neighbours: cmd/gatehouse only.
package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Handler is a slog.Handler whose lines are byte for byte those of slog's own handlers.
// Lines of level warn and above are written at once, others when the Writer pleases.
type Handler struct {
	level slog.Leveler
	out   *Writer
	json  bool
	bare  bool         // lines have no prefix and no groups
	slog  slog.Handler // writes to out what we do not know how to encode
}

// NewHandler makes lines in JSON or in slog's text form.
func NewHandler(out *Writer, json bool, level slog.Leveler) *Handler {
	options := &slog.HandlerOptions{Level: level}
	h := &Handler{level: level, out: out, json: json, bare: true, slog: slog.NewTextHandler(out, options)}
	out.json.Store(json) // for what it says itself
	if json {
		h.slog = slog.NewJSONHandler(out, options)
	}
	return h
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// room is memory that lines are put together in, one after another.
type room struct {
	line  []byte
	attrs []slog.Attr
}

var rooms = sync.Pool{New: func() any { return &room{line: make([]byte, 0, 1<<10)} }}

// maxRoom is the longest line whose memory is kept.
const maxRoom = 64 << 10

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if !h.bare {
		err := h.slog.Handle(ctx, r)
		h.urge(r.Level)
		return err
	}
	m := rooms.Get().(*room)
	r.Attrs(func(a slog.Attr) bool {
		m.attrs = append(m.attrs, a)
		return true
	})
	err := h.write(ctx, m, &entry{time: r.Time, level: r.Level, message: r.Message, attrs: m.attrs})
	clear(m.attrs)
	m.attrs = m.attrs[:0]
	m.done()
	return err
}

// HandleAttrs writes the line of a slog.Record with these attributes. It spares whoever
// logs very often the memory that a Record takes for them; they are not kept.
func (h *Handler) HandleAttrs(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error {
	e := entry{time: at, level: level, message: message, attrs: attrs}
	if !h.bare {
		err := h.slog.Handle(ctx, e.record())
		h.urge(level)
		return err
	}
	m := rooms.Get().(*room)
	err := h.write(ctx, m, &e)
	m.done()
	return err
}

// write writes a line without prefix and groups.
func (h *Handler) write(ctx context.Context, m *room, e *entry) (err error) {
	var known bool
	if h.json {
		m.line, known = appendJSON(m.line[:0], e)
	} else {
		m.line, known = appendText(m.line[:0], e)
	}
	if known {
		_, err = h.out.Write(m.line)
	} else {
		err = h.slog.Handle(ctx, e.record())
	}
	h.urge(e.level)
	return err
}

// urge has what needs attention written at once.
func (h *Handler) urge(level slog.Level) {
	if level >= slog.LevelWarn {
		h.out.Flush()
	}
}

func (m *room) done() {
	if cap(m.line) <= maxRoom {
		rooms.Put(m)
	}
}

func (e *entry) record() slog.Record {
	r := slog.NewRecord(e.time, e.level, e.message, 0)
	r.AddAttrs(e.attrs...)
	return r
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{level: h.level, out: h.out, slog: h.slog.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{level: h.level, out: h.out, slog: h.slog.WithGroup(name)}
}
