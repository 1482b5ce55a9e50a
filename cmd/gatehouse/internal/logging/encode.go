package logging

import (
	"log/slog"
	"slices"
	"strconv"
	"time"
)

// entry is what one line says.
type entry struct {
	time    time.Time
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// The two encoders append a line, or say that they do not know how slog would write it:
// then slog is asked to.

// class says what slog does about the bytes of a key or a string; those of several bytes
// are or-ed.
type class uint8

const (
	plain  class = 0 // written as it is
	spaced class = 1 // makes slog's text form quote the string, without an escape
	other  class = 2 // for slog to judge
)

var classes = func() (table [256]class) {
	for c := range table {
		switch {
		case c < ' ' || c >= 0x7f || c == '"' || c == '\\':
			table[c] = other
		case c == ' ' || c == '=':
			table[c] = spaced
		}
	}
	return table
}()

func classOf(text string) (all class) {
	for i := range len(text) {
		all |= classes[text[i]]
	}
	return all
}

func appendText(line []byte, e *entry) (_ []byte, known bool) {
	if !e.time.IsZero() {
		if !hasForm(e.time) {
			return line, false
		}
		line = append(line, slog.TimeKey+"="...)
		line = append(appendMilliseconds(line, e.time), ' ')
	}
	line = append(line, slog.LevelKey+"="...)
	line = append(line, e.level.String()...)
	line = append(line, " "+slog.MessageKey+"="...)
	line, known = appendTextString(line, e.message)
	for i := 0; known && i < len(e.attrs); i++ {
		a := &e.attrs[i]
		if a.Key == "" || classOf(a.Key) != plain {
			return line, false
		}
		line = append(line, ' ')
		line = append(line, a.Key...)
		line = append(line, '=')
		line, known = appendTextValue(line, a.Value)
	}
	return append(line, '\n'), known
}

// appendMilliseconds writes a time as slog's text form does. A layout of its own would
// cost three times as much as RFC 3339, which package time knows by heart.
func appendMilliseconds(line []byte, t time.Time) []byte {
	at := len(line) + len("2006-01-02T15:04:05")
	line = t.AppendFormat(line, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return slices.Insert(line, at, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// hasForm says whether the year has the four digits of RFC 3339.
func hasForm(t time.Time) bool {
	year := t.Year()
	return 0 <= year && year <= 9999
}

func appendTextValue(line []byte, v slog.Value) (_ []byte, known bool) {
	switch v.Kind() {
	case slog.KindString:
		return appendTextString(line, v.String())
	case slog.KindDuration:
		return append(line, v.Duration().String()...), true
	default:
		return appendNumber(line, v)
	}
}

func appendTextString(line []byte, text string) (_ []byte, known bool) {
	switch all := classOf(text); {
	case all&other != 0:
		return line, false
	case all != plain || text == "":
		line = append(line, '"')
		line = append(line, text...)
		return append(line, '"'), true
	}
	return append(line, text...), true
}

func appendJSON(line []byte, e *entry) (_ []byte, known bool) {
	line = append(line, '{')
	if !e.time.IsZero() {
		if !hasForm(e.time) {
			return line, false
		}
		line = append(line, `"`+slog.TimeKey+`":"`...)
		line = e.time.AppendFormat(line, time.RFC3339Nano)
		line = append(line, `",`...)
	}
	line = append(line, `"`+slog.LevelKey+`":"`...)
	line = append(line, e.level.String()...)
	line = append(line, `","`+slog.MessageKey+`":`...)
	line, known = appendJSONString(line, e.message)
	for i := 0; known && i < len(e.attrs); i++ {
		a := &e.attrs[i]
		if a.Key == "" || classOf(a.Key)&other != 0 {
			return line, false
		}
		line = append(line, `,"`...)
		line = append(line, a.Key...)
		line = append(line, `":`...)
		line, known = appendJSONValue(line, a.Value)
	}
	return append(line, "}\n"...), known
}

func appendJSONValue(line []byte, v slog.Value) (_ []byte, known bool) {
	switch v.Kind() {
	case slog.KindString:
		return appendJSONString(line, v.String())
	case slog.KindDuration:
		return strconv.AppendInt(line, int64(v.Duration()), 10), true
	default:
		return appendNumber(line, v)
	}
}

func appendJSONString(line []byte, text string) (_ []byte, known bool) {
	if classOf(text)&other != 0 {
		return line, false
	}
	line = append(line, '"')
	line = append(line, text...)
	return append(line, '"'), true
}

// appendNumber writes what both forms write alike.
func appendNumber(line []byte, v slog.Value) (_ []byte, known bool) {
	switch v.Kind() {
	case slog.KindUint64:
		return strconv.AppendUint(line, v.Uint64(), 10), true
	case slog.KindInt64:
		return strconv.AppendInt(line, v.Int64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(line, v.Bool()), true
	default:
		return line, false
	}
}
