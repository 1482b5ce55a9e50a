// Command gatehouse decides who may pass: it answers the authorization
// subrequests of ingress proxies from a directory of people and namespaces,
// with every question decided by Rego policies.
//
// This package owns the command line, the configuration and the wiring of the
// rooms (engine, bundles, identity, admin) into one process. It owns no rule,
// no protocol and no storage: those live in the rooms, and no room imports this
// package. wire.go is the only place where rooms are connected.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	fmt.Fprintln(os.Stderr, "gatehouse:", err)
	os.Exit(1)
}
