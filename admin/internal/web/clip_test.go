package web

import (
	"strings"
	"testing"
)

func TestClip_keeps_whole_characters_within_its_limit(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 8, ""},
		{"12345678", 8, "12345678"},
		{"123456789", 8, "12345…"},
		{"1234ä6789", 8, "1234…"},
		{"ääää", 8, "ääää"},
		{"äääää", 8, "ää…"},
		{"\xbf\xbf\xbf\xbf", 3, "…"},
		{strings.Repeat("x", 1<<20), 3, "…"},
	} {
		if got := Clip(c.text, c.most); got != c.want || len(got) > c.most {
			t.Errorf("Clip(%.20q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}
