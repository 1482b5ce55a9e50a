package bundles

import (
	"cmp"
	"slices"
	"strings"
)

// rank orders the rows that fit one request as the default policies do: host
// row before hostless, longest literal prefix, custom before default, most
// literals, most segments.
type rank [5]int

func (r route) rank() rank {
	prefix, literals := 0, 0
	fixed := true
	for _, segment := range r.segments {
		switch {
		case segment == "**", isParameter(segment):
			fixed = false
		default:
			literals++
			if fixed {
				prefix++
			}
		}
	}
	return rank{bit(r.host != ""), prefix, bit(r.custom), literals, len(r.segments)}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a rank) compare(b rank) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// overlap tells whether some request fits both rows.
func overlap(a, b route) bool {
	if a.host != "" && b.host != "" && a.host != b.host {
		return false
	}
	x, xOpen := openEnd(a.segments)
	y, yOpen := openEnd(b.segments)
	for i := range min(len(x), len(y)) {
		if !isParameter(x[i]) && !isParameter(y[i]) && x[i] != y[i] {
			return false
		}
		// A parameter stands for a segment that is not empty.
		if x[i] == "" && isParameter(y[i]) || y[i] == "" && isParameter(x[i]) {
			return false
		}
	}
	switch {
	case len(x) < len(y):
		return xOpen
	case len(y) < len(x):
		return yOpen
	}
	return true
}

// openEnd takes the ** off a template and tells whether it was there.
func openEnd(segments []string) ([]string, bool) {
	if n := len(segments); segments[n-1] == "**" {
		return segments[:n-1], true
	}
	return segments, false
}

// ties refuses two rows of one table between which nothing decides.
func (t *tables) ties(rows []route) {
	for i, a := range rows {
		for _, b := range rows[i+1:] {
			if a.rank().compare(b.rank()) == 0 && overlap(a, b) {
				t.refuse(b.place, "path %q ties with %q of %s: a request can fit both, and neither goes before the other", b.path, a.path, a.place)
			}
		}
	}
}

// widening refuses the rows of an operator that let more pass than the defaults
// alone: public ones, and ones that stand before a default row without being
// stricter.
func (t *tables) widening(rows, builtin []route) {
	for _, r := range rows {
		if r.access == "public" {
			t.refuse(r.place, "configuration does not let policies open paths to everybody: add ingress to policies.custom_allow")
			continue
		}
		for _, d := range builtin {
			if r.rank().compare(d.rank()) > 0 && overlap(r, d) && !stricter(r, d) {
				t.refuse(r.place, "path %q stands before the default %q and may let others pass, which configuration does not let policies do: use a custom deny, or add ingress to policies.custom_allow", r.path, d.path)
			}
		}
	}
}

// stricter tells whether whoever passes row r would pass the default row d too,
// with the same verb. A public row lets others read only, so no other class is
// stricter; nor is one by namespace stricter than one by account, as bindings
// can name groups of people without an account.
func stricter(r, d route) bool {
	if !sameFields(r, d, "verbs", "encoded_slash") {
		return false
	}
	if d.access == "account" && strings.HasPrefix(r.access, "role:") {
		return true
	}
	return r.access == d.access && sameFields(r, d, "namespace") && sameParameters(r.segments, d.segments)
}

// sameParameters tells whether what access depends on is taken from the same
// place of the path.
func sameParameters(a, b []string) bool {
	for _, name := range []string{"{namespace}", "{handle}", "{deployment}"} {
		if slices.Index(a, name) != slices.Index(b, name) {
			return false
		}
	}
	return true
}
