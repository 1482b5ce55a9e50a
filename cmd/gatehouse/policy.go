package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	opacmd "github.com/open-policy-agent/opa/cmd"
	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/bundles"
)

func newPolicyCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Write, check and try policies",
		Long: `Everything an author of policies needs: init writes a folder to start from, check
passes a folder through the same gate as serve does, and test, fmt, eval and bench
are the commands of the Open Policy Agent that this program embeds.`,
		Example: `  gatehouse policy init ./policies
  gatehouse policy check ./policies
  gatehouse serve --policies ./policies`,
	}
	group(c)
	c.AddCommand(newPolicyInitCommand(a), newPolicyCheckCommand(a))
	c.AddCommand(opaCommands("test", "fmt", "eval", "bench")...)
	return c
}

// opaName stands for the program in the help texts that OPA builds from it.
const opaName = "gatehouse-policy"

// opaCommands are OPA's own commands under ours. They read and write the process's
// standard streams and take OPA's own flags, of which --data names policy files.
func opaCommands(names ...string) []*cobra.Command {
	opa := opacmd.Command(&cobra.Command{Use: opaName}, "Gatehouse")
	var found []*cobra.Command
	for _, name := range names {
		c, _, err := opa.Find([]string{name})
		if err != nil || c == opa {
			continue // the test that asks each for its help notices
		}
		opa.RemoveCommand(c)
		c.Long = ourName(c.Long)
		c.Example = ourName(c.Example)
		c.RunE = ourExit(c.RunE)
		found = append(found, c)
	}
	return found
}

func ourName(text string) string {
	text = strings.ReplaceAll(text, opaName, "gatehouse policy")
	for _, name := range []string{"eval", "test", "bench", "fmt"} {
		text = strings.ReplaceAll(text, "opa "+name, "gatehouse policy "+name)
	}
	return text
}

// ourExit turns OPA's exit status into ours; OPA has then printed what is to say.
func ourExit(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := run(c, args)
		var exit *opacmd.ExitError
		if errors.As(err, &exit) {
			return exitCode(exit.Exit)
		}
		return err
	}
}

func newPolicyInitCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write a folder that policies can be started from",
		Long: `Writes into DIR a sample rule with its test, a README.md, and under .gatehouse the
default policies, the schemas, the types of the identity documents and the list of
allowed builtins, which the stock OPA binary and editors need. In a folder that is
in use it brings .gatehouse up to date and leaves every file of yours alone.`,
		Example: `  gatehouse policy init ./policies
  cd ./policies && gatehouse policy test --ignore '.*' .gatehouse/policies .`,
		Args: takes("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			if err := bundles.Init(args[0], policySourcesAt(cfg, "")); err != nil {
				return fmt.Errorf("policy init: %w", err)
			}
			_, err = fmt.Fprintf(a.out, "wrote %s; next: gatehouse policy check %s, then gatehouse serve --policies %s\n", args[0], args[0], args[0])
			return err
		},
	}
}

func newPolicyCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Pass a policy folder through the gate that serve uses",
		Long: `Compiles the default policies together with DIR against the schemas and the allowed
builtins, checks the shape of custom rules and route tables and runs the tests of
DIR, exactly as serve does before it takes a change. Prints each finding as
file:row:column and exits with 1 when serve would refuse the folder.`,
		Example: `  gatehouse policy check ./policies`,
		Args:    takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			return a.checkPolicies(c.Context(), cfg, args[0])
		},
	}
}

func (a *app) checkPolicies(ctx context.Context, cfg Config, dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("policy check: %s is not a folder: name the one that serve gets with --policies", dir)
	}
	bundle, err := bundles.Gate(ctx, policySourcesAt(cfg, dir))
	var refused *bundles.RejectedError
	switch {
	case errors.As(err, &refused):
		return a.showFindings(dir, refused)
	case err != nil:
		return fmt.Errorf("policy check: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s passes: revision %s, %s, %s, in %s\n", dir, bundle.Revision,
		plural(bundle.Report.Modules, "module"), plural(bundle.Report.Tests, "test"), bundle.Report.Took.Round(time.Millisecond))
	return err
}

// showFindings prints where policies break the rules; that is the command's output,
// so that scripts and editors read it from there.
func (a *app) showFindings(dir string, refused *bundles.RejectedError) error {
	for _, f := range refused.Findings {
		place := f.File
		if f.Row > 0 {
			place = fmt.Sprintf("%s:%d:%d", f.File, f.Row, f.Col)
		}
		if place != "" {
			place += ": "
		}
		if _, err := fmt.Fprintf(a.out, "%s%s\n", place, f.Text); err != nil {
			return fmt.Errorf("policy check: %w", err)
		}
	}
	_, _ = fmt.Fprintf(a.err, "policy check: %s is refused at the stage %s\n", dir, refused.Stage)
	return exitCode(1)
}

// policySourcesAt are the sources that serve would take with the overlay dir, or
// without one.
func policySourcesAt(cfg Config, dir string) bundles.Sources {
	folder := policySources(cfg)
	sources := bundles.Sources{Defaults: folder.Defaults, Schemas: folder.Schemas, Settings: folder.Settings}
	if dir != "" {
		sources.Overlay = os.DirFS(dir)
	}
	return sources
}
