//go:build !bench

package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary stand for the command: a script's `gatehouse` is
// main itself, with its own standard streams and exit status.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatehouse": main})
}

func TestScripts_drive_the_command_as_a_shell_does(t *testing.T) {
	testdata, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(testdata, "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TESTDATA", testdata)
			return nil
		},
	})
}
