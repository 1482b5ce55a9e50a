package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// takes checks the number of arguments and says which ones the command wants:
// exactly the names given, of which the last may end in "..." for one or more.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		switch {
		case len(args) < len(names):
			return hint(c, fmt.Errorf("%s is missing", names[len(args)]))
		case len(args) > len(names) && !many:
			return hint(c, fmt.Errorf("%q is one argument too many", args[len(names)]))
		}
		return nil
	}
}

// group is for a command that only has subcommands: a word that names none of them
// is an error and not a request for help, so that a misspelt check fails a script.
func group(c *cobra.Command) {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
		}
		return hint(c, err)
	}
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// hint says where the command explains itself.
func hint(c *cobra.Command, err error) error {
	return fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())
}
