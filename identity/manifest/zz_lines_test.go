package manifest_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

func TestZZLines(t *testing.T) {
	f, err := os.Open("/tmp/ov/big.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var a, b syscall.Rusage
	_ = syscall.Getrusage(0, &a)
	s := &manifest.State{}
	if err := s.ReadLines("x", f); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Getrusage(0, &b)
	t.Log(time.Duration(b.Utime.Nano() - a.Utime.Nano() + b.Stime.Nano() - a.Stime.Nano()))
}
