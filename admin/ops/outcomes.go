package ops

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxResolved bounds the outcomes whose counters are kept at hand. The words come from
// policies, so there are few; more of them are looked up by their labels.
const maxResolved = 1024

// outcomes counts what ended how, and how long it took: the counter has the labels
// subject, effect and reason, the histogram the subject alone. Looking a counter up by
// its labels costs more than counting, so it is done once for each outcome.
type outcomes struct {
	count    *prometheus.CounterVec
	duration *prometheus.HistogramVec

	resolved atomic.Pointer[map[outcome]resolved] // the map never changes
	write    sync.Mutex
}

type outcome struct{ subject, effect, reason string }

type resolved struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

func (o *outcomes) add(subject, effect, reason string, took time.Duration) {
	r := o.find(outcome{subject, effect, reason})
	r.count.Inc()
	r.duration.Observe(took.Seconds())
}

func (o *outcomes) find(key outcome) resolved {
	if known := o.resolved.Load(); known != nil {
		if r, found := (*known)[key]; found {
			return r
		}
	}
	return o.resolve(key)
}

func (o *outcomes) resolve(key outcome) resolved {
	r := resolved{
		count:    o.count.WithLabelValues(key.subject, key.effect, key.reason),
		duration: o.duration.WithLabelValues(key.subject),
	}
	o.write.Lock()
	defer o.write.Unlock()
	next := map[outcome]resolved{}
	if known := o.resolved.Load(); known != nil {
		if len(*known) >= maxResolved {
			return r
		}
		next = maps.Clone(*known)
	}
	next[key] = r
	o.resolved.Store(&next)
	return r
}
