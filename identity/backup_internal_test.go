package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestPublishing_a_file_never_takes_the_name_of_another(t *testing.T) {
	noLinks := func(string, string) error { return &os.LinkError{Op: "link", Err: errors.ErrUnsupported} }
	for name, link := range map[string]func(string, string) error{"with hard links": os.Link, "without": noLinks} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := func(name string) string { return filepath.Join(dir, name) }
			for _, name := range []string{"first", "second"} {
				if err := os.WriteFile(in(name), []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := publish(link, in("first"), in("backup")); err != nil {
				t.Error(err)
			}
			if err := publish(link, in("second"), in("backup")); !errors.Is(err, ErrExists) {
				t.Errorf("got %v, want ErrExists", err)
			}
			if err := publish(link, in("second"), in("none/backup")); err == nil || errors.Is(err, ErrExists) {
				t.Errorf("into a folder that is not there: got %v", err)
			}
			for name, want := range map[string]string{"backup": "first", "second": "second"} {
				if got, err := os.ReadFile(in(name)); err != nil || string(got) != want {
					t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
				}
			}
		})
	}
}
