package engine_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// worlds is how many of them share the steps, each with its own seed.
const worlds = 8

// Whatever is written, activated and asked in whatever order: what is remembered
// is what would be decided, and it is the same by OPA's interpreter.
func Test_memo_and_evaluators_never_change_a_decision(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	steps := propertySteps(t)
	var lock sync.Mutex
	asked, remembered := map[string]int{}, map[string]int{}
	t.Run("worlds", func(t *testing.T) {
		for i := range worlds {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				// Each world has its part of the corpus and moves about in it.
				var policies []string
				for n := i; n < len(corpusNames); n += worlds {
					policies = append(policies, corpusNames[n])
				}
				w := newWorld(t, policies, rand.New(rand.NewPCG(uint64(seed), uint64(i))).IntN)
				for range steps / worlds {
					w.step()
				}
				lock.Lock()
				defer lock.Unlock()
				for policy, n := range w.asked {
					asked[policy] += n
					remembered[policy] += w.remembered[policy]
				}
			})
		}
	})
	for _, policy := range corpusNames {
		wantRemembered(t, policy, asked[policy], remembered[policy])
	}
}

// neverRemembered are the policies of the corpus whose answers depend on more
// than input and documents, or are none.
var neverRemembered = map[string]bool{
	"conflicts": false, "fails in a builtin": false,
	"is undefined": true, "verifies a token": true, "reads very many documents": true,
	"replaces a collection": true, "replaces a document": true, "replaces a function": true,
	"tells the time": true, "compares the time": true,
}

// wantRemembered sees to it that the property is not tested on an empty memo.
func wantRemembered(t *testing.T, policy string, asked, remembered int) {
	t.Helper()
	switch {
	case neverRemembered[policy] && remembered > 0:
		t.Errorf("policy %q: got %d of %d decisions remembered, want none", policy, remembered, asked)
	case !neverRemembered[policy] && asked > 500 && remembered == 0:
		t.Errorf("policy %q: got none of %d decisions remembered", policy, asked)
	}
	t.Logf("%5d of %5d remembered: %s", remembered, asked, policy)
}

func propertySteps(t *testing.T) int {
	if s := os.Getenv("GATEHOUSE_PROPERTY_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("GATEHOUSE_PROPERTY_STEPS: %v", err)
		}
		return n
	}
	if testing.Short() {
		return 5_000
	}
	return 50_000
}

// The bytes are the script: what they do not say is 0.
func FuzzMemo(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		script := make([]byte, 600)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		choose := func(n int) int {
			var two [2]byte
			script = script[copy(two[:], script):]
			return int(binary.LittleEndian.Uint16(two[:])) % n
		}
		// A few policies are enough of one script, and not too many steps.
		script = script[:min(len(script), 1500)]
		first := choose(len(corpusNames) - 4)
		w := newWorld(t, corpusNames[first:first+4], choose)
		for len(script) > 0 {
			w.step()
		}
	})
}

// Readers ask while one writes. What each was told must be what the policy and
// the data give that it says it was made from.
func Test_what_is_remembered_beside_a_writer_is_what_would_be_decided(t *testing.T) {
	const readers, kept = 3, 5_000 // answers of each reader, the latest
	steps := min(propertySteps(t)/20, 10_000)
	type answered struct {
		policy   string
		revision uint64
		input    engine.Value
		answer   answer
	}
	policies := []string{"looks up a document", "joins collections", "calls a function with else", "replaces a member of the input"}
	w := newWorld(t, policies, rand.New(rand.NewPCG(3, 4)).IntN)
	e := w.engines["remembering"]
	w.engines = map[string]*engine.Engine{"remembering": e}
	frozen := map[string]*engine.Engine{}
	keep := func() {
		policy, data := e.Revisions()
		frozen[fmt.Sprint(policy, "/", data)] = e.Frozen()
	}
	keep()
	done := make(chan struct{})
	all := make([][]answered, readers)
	var asking sync.WaitGroup
	for i := range readers {
		asks := &world{tb: t, choose: rand.New(rand.NewPCG(5, uint64(i))).IntN}
		asking.Go(func() {
			for {
				input := asks.input()
				d := e.Decide(t.Context(), question, input)
				if len(all[i]) == 2*kept {
					all[i] = append(all[i][:0], all[i][kept:]...)
				}
				all[i] = append(all[i], answered{d.PolicyRevision, d.DataRevision, input, answerOf(d)})
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range steps {
		if w.apply(); i%100 == 99 {
			keep()
			w.swap()
		}
		keep()
	}
	close(done)
	asking.Wait()
	for _, reader := range all {
		for _, a := range reader[max(0, len(reader)-kept):] {
			at := frozen[fmt.Sprint(a.policy, "/", a.revision)]
			if at == nil {
				t.Fatalf("decision from policy %q and data %d, which there never were", a.policy, a.revision)
			}
			if want := answerOf(at.Decide(t.Context(), question, a.input)); !a.answer.equal(want) {
				t.Fatalf("policy %q, data %d, input %v:\ngot  %+v\nwant %+v", a.policy, a.revision, a.input, a.answer, want)
			}
		}
	}
	if s := e.Stats(); s.Hits == 0 || s.Misses == 0 {
		t.Errorf("memo: got %+v, want hits and misses", s)
	}
}
