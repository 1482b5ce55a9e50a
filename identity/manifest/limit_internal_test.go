package manifest

import (
	"strings"
	"testing"
)

// endless is a file of one line that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestLine_without_an_end_is_refused_without_reading_on(t *testing.T) {
	err := new(State).Read("f.yaml", endless{})
	if got, want := err.Error(), "f.yaml:1: this line is over 1 MiB: break it up, or split the file into documents"; got != want {
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
