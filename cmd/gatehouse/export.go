package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

func newExportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print the directory as a file that import reads back",
		Long: `Prints accounts, organisations with their teams, namespaces and bindings in
Gatehouse's own YAML, sorted, from one moment of the directory; a server may be
running on it. Passwords, tokens and keys are not part of it.`,
		Example: `  gatehouse export --data ./data > directory.yaml
  gatehouse import --data ./other directory.yaml`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			dir, err := a.openDirectory(c.Context(), cfg, false)
			if err != nil {
				return err
			}
			defer func() { _ = dir.Close() }() // nothing was written
			out := bufio.NewWriterSize(a.out, 64<<10)
			var notes []manifest.Note
			err = dir.Read(c.Context(), func(tx *identity.Tx) (err error) {
				notes, err = manifest.Export(tx, out)
				return err
			})
			if err != nil {
				return err
			}
			for _, note := range notes {
				_, _ = fmt.Fprintln(a.err, "note:", note.Text)
			}
			if err := out.Flush(); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return nil
		},
	}
}
