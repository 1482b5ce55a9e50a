package manifest

import (
	"strings"
	"testing"
)

// endless is a file that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestFiles_over_the_cap_are_refused_without_reading_on(t *testing.T) {
	err := new(State).read("f.yaml", endless{}, 2<<20)
	if got, want := err.Error(), "f.yaml: is over 2 MiB: split it into several files"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecond_opinion_is_not_asked_about_deep_nesting(t *testing.T) {
	for part, want := range map[string]bool{
		"[": false, "{": false, "- ": false, "? ": false, "a: [": false, "- - [": false, "{a: ": false, "[a]\n[": false,
		"a: [1, {b: c}]\n": true, "- a-b-c\n": true, "a: \"x\n": true, "# --\n": true,
	} {
		text := []byte(strings.Repeat(part, maxSecondOpinion/len(part)))
		if got := shallow(text); got != want {
			t.Errorf("%q repeated: got shallow %t, want %t", part, got, want)
		}
		secondOpinion(text) // returns, and soon
	}
}
