package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func newBackupCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the directory database to a file, beside a running server",
		Long: `Writes the whole directory as it is at one moment to a new file, which only its owner can
read: accounts, passwords, tokens and signing keys with everything else, and the journal. A
server may be running on the data directory and goes on answering. FILE must not exist.

The signing keys in it are sealed with DATA/secret.key, which is not part of it: keep a copy
of that one, and in another place. To restore, put both into an empty data directory, FILE as
gatehouse.db; docs/operating.md shows how.`,
		Example: `  gatehouse backup /backups/gatehouse-$(date +%F).db`,
		Args:    takes("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDirectory(c.Context(), func(cfg Config, dir *identity.Directory) error {
				return a.backup(c.Context(), cfg, dir, args[0])
			})
		},
	}
}

func (a *app) backup(ctx context.Context, cfg Config, dir *identity.Directory, file string) error {
	if err := dir.Backup(ctx, file); err != nil {
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("%s exists and is left as it is: name another file", file)
		}
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s holds the directory (%d bytes); a restore also needs %s, kept in another place\n",
		file, info.Size(), filepath.Join(cfg.Data, "secret.key"))
	return err
}
