package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/cmd/gatehouse/internal/logging"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// version is what `gatehouse --version`, /api/iam/version and the metrics say;
// release builds set it with -ldflags "-X main.version=…".
var version = "0.1.0-dev"

// exitCode ends the process with this status after everything worth saying has
// been printed, for commands whose findings are their output.
type exitCode int

func (c exitCode) Error() string { return "exit status " + strconv.Itoa(int(c)) }

// app is what every subcommand shares: the outside world as it was handed to
// run, and the two flags that every subcommand takes.
type app struct {
	env        func(string) string
	in         io.Reader
	out, err   io.Writer
	now        func() time.Time
	configFile string
	dataDir    string
}

// run is the whole program behind main, with the outside world passed in, so
// that tests drive the real commands in their own process.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	a := &app{env: env, in: stdin, out: stdout, err: stderr, now: time.Now}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) error {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return root.ExecuteContext(ctx)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "Decide who may pass: ingress authorization from a directory and Rego policies",
		Long: `Gatehouse stands at the way in to notebook and ML platforms. An ingress proxy asks
it about every request; accounts, teams and namespace bindings are its data, Rego
policies decide.`,
		Example: `  gatehouse import --data ./data people.yaml      # fill the directory
  gatehouse serve --data ./data                    # answer proxies on 127.0.0.1:9700
  gatehouse token --data ./data --account ada      # a bearer token for ada`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(hint)
	root.PersistentFlags().StringVar(&a.configFile, "config", "", "configuration `FILE` in YAML; also GATEHOUSE_CONFIG")
	root.PersistentFlags().StringVar(&a.dataDir, "data", "", "data `DIR` that holds the directory database and its keys; also GATEHOUSE_DATA (default ./data)")
	root.AddCommand(
		newServeCommand(a),
		newCheckCommand(a),
		newImportCommand(a),
		newExportCommand(a),
		newTokenCommand(a),
		newAccountCommand(a),
		newJournalCommand(a),
		newBackupCommand(a),
		newPolicyCommand(a),
		newDoctorCommand(a),
	)
	return root
}

// openDirectory opens the directory of cfg.Data beside a server that may be
// running on it. Without create, a missing one is an error that says how to
// make it.
func (a *app) openDirectory(ctx context.Context, cfg Config, create bool) (*identity.Directory, error) {
	dir, err := identity.Open(ctx, identity.Options{
		Dir: cfg.Data, Logger: a.logger(cfg), Now: a.now, Create: create,
	})
	if err != nil {
		return nil, openingHint(cfg, err)
	}
	return dir, nil
}

// openingHint adds what to do to why a directory could not be opened; the error
// itself names the folder.
func openingHint(cfg Config, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run as the owner of %s, or name another folder with --data", err, cfg.Data)
	}
	return err
}

// logger writes to standard error, so that a command's output stays its own.
func (a *app) logger(cfg Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Log.level()}
	if cfg.Log.Format == formatJSON {
		return slog.New(slog.NewJSONHandler(a.err, options))
	}
	return slog.New(slog.NewTextHandler(a.err, options))
}

// serverLogger writes the same lines for a server that answers many requests: gathered
// in out, which the caller closes, but warnings at once.
func (a *app) serverLogger(cfg Config) (log *slog.Logger, out *logging.Writer) {
	out = logging.NewWriter(a.err)
	return slog.New(logging.NewHandler(out, cfg.Log.Format == formatJSON, cfg.Log.level())), out
}
