package identity

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// announced is a sink that says when it is being loaded.
type announced struct{ loading chan struct{} }

func (a *announced) Apply(context.Context, uint64, []Change) error { return nil }

func (a *announced) Replace(_ context.Context, _ uint64, documents iter.Seq2[Change, error]) error {
	close(a.loading)
	for _, err := range documents {
		if err != nil {
			return err
		}
	}
	return nil
}

// Whoever writes while they range over an export holds a connection and waits for the
// load that is under way, so the load must not wait for a connection.
func TestLoads_that_take_long_do_not_wait_for_exports_whose_readers_write(t *testing.T) {
	var log bytes.Buffer
	d, err := Open(t.Context(), Options{Dir: t.TempDir(), Create: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	d.progressEvery = 0 // every batch is told of
	write := func(name, value string) error {
		_, err := d.Write(context.Background(), "test", func(tx *Tx) error { return tx.PutSetting(name, value) })
		return err
	}
	for _, name := range []string{"issuer", "audience"} {
		if err := write(name, "a"); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := d.reader.DB()
	if err != nil {
		t.Fatal(err)
	}
	sink := &announced{loading: make(chan struct{})}
	var readers sync.WaitGroup
	defer readers.Wait()
	for range pool.Stats().MaxOpenConnections - maxLanes {
		_, documents, err := d.Export(t.Context(), CollectionSettings)
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() {
			for change, err := range documents {
				if err == nil {
					<-sink.loading
					err = write(change.Key, "b")
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := d.Attach(ctx, sink); err != nil {
		t.Errorf("attach: got %v, want the sink loaded", err)
	}
	readers.Wait()
	if got := log.String(); !strings.Contains(got, "documents=2 of_about=2") {
		t.Errorf("the log says %q, want how many of how many documents", got)
	}
}
