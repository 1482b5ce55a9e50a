package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-authz/gatehouse/admin"
)

const (
	drainTime    = 10 * time.Second // answers under way at SIGTERM may take this long
	opsDrainTime = time.Second      // and those to operators, after that, this long
)

// listeners are the addresses served; management is nil where public serves that too, ops
// where it is turned off.
type listeners struct{ public, management, ops net.Listener }

// openListeners opens every address and the certificate. Readiness and metrics are asked
// for inside, by programs that know no certificate: the ops listener is plain HTTP.
func openListeners(cfg Config, log *slog.Logger, now func() time.Time) (_ *listeners, err error) {
	var secured *tls.Config
	if cfg.TLS.enabled() {
		cert, err := loadCertificate(cfg.TLS, log, now)
		if err != nil {
			return nil, err
		}
		secured = cert.config()
	}
	l := &listeners{}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if l.public, err = listen("listen", "listen", cfg.Listen, secured); err != nil {
		return nil, err
	}
	if cfg.Admin.Listen != "" {
		if l.management, err = listen("admin.listen", "admin-listen", cfg.Admin.Listen, secured); err != nil {
			return nil, err
		}
	}
	if cfg.OpsListen != noListener {
		if l.ops, err = listen("ops_listen", "ops-listen", cfg.OpsListen, nil); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// listen opens an address, with TLS where it is given; an error names the configuration
// key and the flag to change.
func listen(key, flag, address string, secured *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another address with --%s or the key %s", err, flag, key)
	}
	if secured != nil {
		l = tls.NewListener(l, secured)
	}
	return l, nil
}

// Close closes what a server has not taken over and closed itself.
func (l *listeners) Close() {
	for _, one := range []net.Listener{l.public, l.management, l.ops} {
		if one != nil {
			_ = one.Close() // closed already after a drain
		}
	}
}

// servers are what answers on some of the listeners.
type servers []*http.Server

// start serves a handler on a listener, if there is one.
func (s *servers) start(group *errgroup.Group, log *slog.Logger, name string, listener net.Listener, handler http.Handler) {
	if listener == nil {
		return
	}
	server := admin.NewServer(handler, log)
	*s = append(*s, server)
	log.Info("serving", "listener", name, "address", listener.Addr().String())
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s requests: %w", name, err)
		}
		return nil
	})
}

// stop takes no more connections and waits for the answers under way, but not for ever.
func (s servers) stop(ctx context.Context, log *slog.Logger, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atMost)
	defer cancel()
	var all sync.WaitGroup
	for _, server := range s {
		all.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				log.Warn("requests under way are cut off", "after", atMost)
				_ = server.Close() // it ends one way or the other
			}
		})
	}
	all.Wait()
}
