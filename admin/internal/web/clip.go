package web

import "unicode/utf8"

const ellipsis = "…"

// Clip cuts text that somebody else chose, so that it does not fill an answer or a log
// line: what it returns has at most most bytes, an ellipsis at its end included, and no
// half characters. most must leave room for the ellipsis.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + ellipsis
}
