package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

const (
	pruneEvery        = time.Hour
	bootstrapPassword = 24 * time.Hour // a printed password is good for this long
)

// platformAdmin is the platform role that the default policies let do everything.
const platformAdmin identity.PlatformRole = "admin"

func newServeCommand(a *app) *cobra.Command {
	var listen, opsListen, adminListen, policyDir string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Answer ingress proxies and clients",
		Long: `Serves the proxy endpoints, login, keys and /admin/v1 on --listen, and metrics, readiness
in detail and pprof on --ops-listen; --admin-listen gives /admin/v1 an address of its own. On
SIGTERM it is not ready any more, answers what is under way, and ends. On an empty directory it creates the account
"admin"; its password is GATEHOUSE_ADMIN_PASSWORD, or a random one that is printed
once and good for 24 hours.`,
		Example: `  gatehouse serve --data ./data
  gatehouse serve --policies ./policies --config gatehouse.yaml`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			flags := map[string]any{}
			for key, value := range map[string]string{"listen": listen, "ops_listen": opsListen, "admin.listen": adminListen, "policies.dir": policyDir} {
				if value != "" {
					flags[key] = value
				}
			}
			cfg, err := a.load(flags)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), cfg)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "`ADDRESS` that proxies and clients call (default 127.0.0.1:9700)")
	c.Flags().StringVar(&opsListen, "ops-listen", "", "`ADDRESS` of metrics, readiness in detail and pprof (default 127.0.0.1:9701)")
	c.Flags().StringVar(&adminListen, "admin-listen", "", "`ADDRESS` of /admin/v1 and /docs (default: they are on --listen)")
	c.Flags().StringVar(&policyDir, "policies", "", "overlay `DIR` with the operator's own policies, watched for changes")
	return c
}

func (a *app) serve(ctx context.Context, cfg Config) error {
	log, lines := a.serverLogger(cfg)
	defer lines.Close()
	defer a.boundMemory(log)()
	// The addresses come first: a server that cannot answer must not have made its
	// first admin and printed the only copy of a password.
	doors, err := openListeners(cfg, log, a.now)
	if err != nil {
		return err
	}
	defer doors.Close()
	dir, err := identity.Open(ctx, identity.Options{Dir: cfg.Data, Logger: log, Now: a.now, Create: true, Exclusive: true})
	if err != nil {
		return openingHint(cfg, err)
	}
	defer func() {
		if err := dir.Close(); err != nil {
			log.Error("close the directory", "error", err)
		}
	}()
	if err := a.bootstrap(ctx, dir, log); err != nil {
		return err
	}
	house, err := wire(ctx, cfg, dir, log, a.now)
	if err != nil {
		return err
	}
	defer a.paceMemory(ctx)()
	if err := house.keeper.Load(ctx); err != nil {
		log.Error("there is no policy: every question is denied until the policies pass") // the keeper has said why
	}
	if len(cfg.Ingress.TrustedProxies) == 0 {
		log.Info("ingress.trusted_proxies is empty: only proxies on this machine (127.0.0.1, ::1) are believed")
	}
	lines.Flush() // how the start went is there before the first answer
	defer log.Info("stopped")
	return house.run(ctx, doors, log)
}

// run serves until ctx ends, then drains. The first part that fails ends the others.
func (h *gatehouse) run(ctx context.Context, doors *listeners, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return untilDone(ctx, "follow the journal", h.directory.Follow) })
	group.Go(func() error { return untilDone(ctx, "watch the policies", h.keeper.Watch) })
	if h.retention > 0 {
		group.Go(func() error { h.forget(ctx, log); return nil })
	}
	var callers, operators servers
	callers.start(group, log, "public", doors.public, h.handlers.Public)
	callers.start(group, log, "admin", doors.management, h.handlers.Management)
	operators.start(group, log, "ops", doors.ops, h.handlers.Ops)
	group.Go(func() error {
		<-ctx.Done()
		// Who asks for readiness is told before the first connection is refused, and can
		// ask until the last answer was given.
		h.handlers.Drain()
		log.Info("draining", "at_most", drainTime)
		callers.stop(ctx, log, drainTime)
		operators.stop(ctx, log, opsDrainTime)
		return nil
	})
	return group.Wait()
}

// forget keeps the journal to its retention. That it fails is no reason to stop
// answering: the journal only grows.
func (h *gatehouse) forget(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := h.directory.PruneJournalOlder(ctx, h.now().Add(-h.retention)); err != nil && ctx.Err() == nil {
			log.Warn("the journal could not be pruned", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func untilDone(ctx context.Context, what string, run func(context.Context) error) error {
	if err := run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// bootstrap creates the account admin where nobody has the platform role admin and
// the handle was never used, so that a directory filled by import has a way in too,
// and one whose admins were removed on purpose does not get one back.
func (a *app) bootstrap(ctx context.Context, dir *identity.Directory, log *slog.Logger) error {
	password, given := a.env("GATEHOUSE_ADMIN_PASSWORD"), true
	if password != "" && len(password) < minPassword {
		return fmt.Errorf("GATEHOUSE_ADMIN_PASSWORD has fewer than %d characters: choose a longer one", minPassword)
	}
	if password == "" {
		password, given = rand.Text(), false
	}
	held := false
	_, err := dir.Write(ctx, "bootstrap", func(tx *identity.Tx) (err error) {
		if held, err = tx.HoldsPlatformRole(platformAdmin); err != nil || held {
			return err
		}
		hash, err := authn.Hash(password, authn.DefaultParams)
		if err != nil {
			return err
		}
		return createAdmin(tx, hash, given, a.now())
	})
	switch {
	case errors.Is(err, identity.ErrExists):
		return nil
	case err != nil:
		return fmt.Errorf("create the first admin: %w", err)
	case held && given:
		log.Warn("GATEHOUSE_ADMIN_PASSWORD is not used: the directory has an admin; `gatehouse token` makes tokens for one whose password is lost")
	case !held && !given:
		_, err = fmt.Fprintf(a.out, "account admin created; its password, shown once and good for 24 hours: %s\n", password)
	}
	return err
}

func createAdmin(tx *identity.Tx, hash string, given bool, now time.Time) error {
	account, err := tx.CreateAccount(identity.Account{Handle: "admin", Kind: identity.Person, State: identity.Active, Name: "Administrator"})
	if err != nil {
		return err
	}
	var expires time.Time
	if !given {
		expires = now.Add(bootstrapPassword)
	}
	return errors.Join(
		tx.GrantPlatformRole(account.ID, platformAdmin),
		tx.SetPassword(account.ID, hash, expires, !given),
	)
}
