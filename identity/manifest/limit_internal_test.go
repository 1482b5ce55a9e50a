package manifest

import "testing"

// endless is a file that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestFiles_over_the_cap_are_refused_without_reading_on(t *testing.T) {
	err := new(State).read("f.yaml", endless{}, 2<<20)
	if got, want := err.Error(), "f.yaml: is over 2 MiB: split it into several files"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
