package bundles

import (
	"bytes"
	_ "embed"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// capabilitiesFile is an explicit list of what policies may use. What a newer
// OPA brings is out until somebody writes it in.
//
//go:embed capabilities.json
var capabilitiesFile []byte

var loadCapabilities = sync.OnceValue(func() *ast.Capabilities {
	c, err := ast.LoadCapabilitiesJSON(bytes.NewReader(capabilitiesFile))
	if err != nil {
		panic("bundles: embedded capabilities.json: " + err.Error()) // cannot be: a test loads it
	}
	c.AllowNet = []string{} // the decoder makes an empty list nil, which means any host
	return c
})

// Capabilities returns the builtins and language features that policies may
// use: those without network, randomness, secrets of their own or a running
// time that no deadline stops. It is shared and must not be changed.
func Capabilities() *ast.Capabilities { return loadCapabilities() }
