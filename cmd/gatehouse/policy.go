package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// opaName stands for the program where OPA writes its name into a command.
const opaName = "gatehouse-policy"

// opaHelp replaces what OPA tells about a command: its own text is about servers and
// folders that are not here. The examples fit a folder that init has written.
type opaHelp struct {
	long, example string
	hidden        []string // flags for a server of OPA's own
}

var opaHelps = map[string]opaHelp{
	"test": {
		long: `Runs the rules whose names begin with test_ in all *.rego files of the named files
and folders; *.json and *.yaml files in them are loaded as data. Rules that begin with
todo_test_ are shown as skipped. The exit status is 2 when a test failed.

The shipped policies in .gatehouse have tests too, which hold without rules of yours:
--run takes yours alone. The program's own --data and --config count for nothing here.`,
		example: `  gatehouse policy test --ignore '.*' --run '^data\.custom\.' .gatehouse/policies .
  gatehouse policy test --ignore '.*' --run '^data\.custom\.' --verbose --explain full .gatehouse/policies .
  gatehouse policy test --ignore '.*' --run '^data\.custom\.' --bench .gatehouse/policies .`,
	},
	"fmt": {
		long: `Prints Rego files as they look when formatted; with --diff or --list only what would
change, with --write it changes them. Without a path it reads standard input. With
--fail the exit status is not 0 when something is not formatted.

The program's own --data and --config count for nothing here.`,
		example: `  gatehouse policy fmt --diff custom
  gatehouse policy fmt --write custom
  gatehouse policy fmt --fail --list custom`,
	},
	"eval": {
		long: `Evaluates a query over the policies and data that --data names (files, or folders
with their *.rego, *.json and *.yaml files) and prints the result. The file of --input
is the input; .gatehouse/schemas/ingress.input.json says what it holds. --data is a file
of policies or documents here, not the program's data folder.`,
		example: `  gatehouse policy eval --ignore '.*' -d .gatehouse/policies -d . -i ../input.json --format pretty data.gatehouse.ingress.decision
  gatehouse policy eval --ignore '.*' -d .gatehouse/policies -d . -i ../input.json --explain notes data.custom
  gatehouse policy eval --format raw 'time.parse_rfc3339_ns("2031-06-30T00:00:00Z")'`,
	},
	"bench": {
		long: `Evaluates a query as eval does, many times, and prints how long one evaluation takes
and what it allocates. --data is a file of policies or documents here, not the program's
data folder. A running server tells its own times in /metrics on the ops listener.`,
		example: `  gatehouse policy bench --ignore '.*' -d .gatehouse/policies -d . -i ../input.json data.gatehouse.ingress.decision
  gatehouse policy bench --ignore '.*' -d .gatehouse/policies -d . -i ../input.json --count 5 --format gobench data.gatehouse.ingress.decision`,
		hidden: []string{"config-file", "e2e", "shutdown-grace-period", "shutdown-wait-period"},
	},
}

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
		help := opaHelps[name]
		c.Long, c.Example = help.long, help.example
		for _, flag := range help.hidden {
			if f := c.Flags().Lookup(flag); f != nil {
				f.Hidden = true
			}
		}
		c.RunE = ourExit(c.RunE)
		found = append(found, c)
	}
	return found
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
  cd ./policies && gatehouse policy test --ignore '.*' --run '^data\.custom\.' .gatehouse/policies .`,
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
