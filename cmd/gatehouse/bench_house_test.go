//go:build bench

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// houseWorker is the assembled house in this process, so that writes can be made where
// they are followed: there is no door for them yet.
type houseWorker struct {
	directory *identity.Directory
	bindings  []identity.Binding // that are written in turn, as they are now
	next      int
}

func newHouseWorker(ctx context.Context, o childOptions) (worker, error) {
	a, cfg := &app{env: os.Getenv, out: io.Discard, err: io.Discard, now: time.Now}, defaultConfig()
	cfg.Engine.Deadline = benchDeadline
	log, _ := a.serverLogger(cfg)
	dir, err := identity.Open(ctx, identity.Options{Dir: o.Data, Logger: log, Exclusive: true})
	if err != nil {
		return nil, err
	}
	house, err := wire(ctx, cfg, dir, log, time.Now)
	if err != nil {
		return nil, err
	}
	a.paceMemory(ctx)
	if err := house.keeper.Load(ctx); err != nil {
		return nil, err
	}
	if o.Address != "" {
		l, err := net.Listen("tcp", o.Address)
		if err != nil {
			return nil, err
		}
		go func() { panic(admin.NewServer(house.handlers.Public, log).Serve(l)) }() // until the process ends
	}
	w := &houseWorker{directory: dir}
	return w.write, w.choose(ctx, o.Size)
}

// choose takes one binding of each of many namespaces.
func (w *houseWorker) choose(ctx context.Context, size int) error {
	return w.directory.Read(ctx, func(tx *identity.Tx) error {
		for n := range min(size, 2048) {
			n = n * 7919 % size
			namespace, err := tx.Namespace(identity.NamespaceName(fmt.Sprint("ns", n)))
			if err != nil {
				return err
			}
			at := slices.IndexFunc(namespace.Bindings, func(b identity.Binding) bool {
				return b.Principal == identity.AccountPrincipal(benchAccountID((n+1)%size))
			})
			if at < 0 {
				return fmt.Errorf("namespace %s has no binding of person %d", namespace.Name, n+1)
			}
			w.bindings = append(w.bindings, namespace.Bindings[at])
		}
		return nil
	})
}

// write gives one person after the other another role: each a commit to SQLite that is
// in the engine and in authn when it returns.
func (w *houseWorker) write(ctx context.Context, task childTask) (childAnswer, error) {
	cpu, begin := processCPU(), time.Now()
	var took []time.Duration
	for due := begin; time.Since(begin) < task.For; {
		if task.Rate > 0 {
			time.Sleep(time.Until(due))
			due = due.Add(time.Second / time.Duration(task.Rate))
		}
		binding := &w.bindings[w.next%len(w.bindings)]
		w.next++
		binding.Role = map[identity.Role]identity.Role{identity.View: identity.Edit, identity.Edit: identity.View}[binding.Role]
		before, started := w.directory.Revision(), time.Now()
		revision, err := w.directory.Write(ctx, "bench", func(tx *identity.Tx) error { return tx.PutBinding(*binding) })
		took = append(took, time.Since(started))
		if err == nil && revision == before {
			err = fmt.Errorf("writing %+v changed nothing", *binding)
		}
		if err != nil {
			return childAnswer{}, err
		}
	}
	slices.Sort(took)
	return childAnswer{Times: len(took), CPU: (processCPU() - cpu) / float64(len(took)), Written: threePercentiles(took)}, nil
}

// newStoreWorker holds a directory's documents as stock OPA does by default: the raw
// form of its inmem store. Its only task is to say how much memory that is.
func newStoreWorker(ctx context.Context, o childOptions) (worker, error) {
	dir, err := identity.Open(ctx, identity.Options{Dir: o.Data})
	if err != nil {
		return nil, err
	}
	_, documents, err := dir.Export(ctx, "accounts", "teams", "namespaces")
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for change, err := range documents {
		if err != nil {
			return nil, err
		}
		collection, ok := all[change.Collection].(map[string]any)
		if !ok {
			collection = map[string]any{}
			all[change.Collection] = collection
		}
		var document any
		if err := util.UnmarshalJSON(change.Doc, &document); err != nil { // as OPA's loader does
			return nil, err
		}
		collection[change.Key] = document
	}
	if err := dir.Close(); err != nil {
		return nil, err
	}
	store := inmem.NewFromObjectWithOpts(map[string]any{"identity": all}, inmem.OptRoundTripOnWrite(false))
	return func(context.Context, childTask) (childAnswer, error) {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		runtime.KeepAlive(store)
		return childAnswer{Heap: float64(stats.HeapAlloc) / (1 << 20), Resident: residentMiB("self", "VmRSS")}, nil
	}, nil
}
