package ops

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// Metrics counts what the house does. Every label has a closed list of values.
type Metrics struct {
	registry  *prometheus.Registry
	decisions outcomes
	answers   outcomes
	requests  *prometheus.CounterVec
}

// NewMetrics makes a registry of its own, so that two houses in one process do not
// share counters.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.decisions.count = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_decisions_total", Help: "Decisions of the policy engine.",
	}, []string{"entrypoint", "effect", "reason"})
	// From a microsecond, which a remembered decision takes, to a deadline.
	m.decisions.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_decision_duration_seconds", Help: "Time the policy engine took for a decision.",
		Buckets: prometheus.ExponentialBuckets(1e-6, 2, 18),
	}, []string{"entrypoint"})
	m.answers.count = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_ingress_answers_total", Help: "Answers given to proxies, refusals before policy included.",
	}, []string{"door", "effect", "reason"})
	m.answers.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_ingress_duration_seconds", Help: "Time one answer to a proxy took.",
		Buckets: prometheus.ExponentialBuckets(2e-6, 2, 18),
	}, []string{"door"})
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_http_requests_total", Help: "Other requests on the public listener.",
	}, []string{"route", "method", "status"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_build_info", Help: "1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.decisions.count, m.decisions.duration, m.answers.count, m.answers.duration, m.requests, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Decision counts one decision of the engine.
func (m *Metrics) Decision(entrypoint string, d *engine.Decision) {
	m.decisions.add(entrypoint, string(d.Effect), d.Reason, d.Took)
}

// Answer counts one answer to a proxy.
func (m *Metrics) Answer(door, effect, reason string, took time.Duration) {
	m.answers.add(door, effect, reason, took)
}

// Request counts one request of the other surfaces by its route, never by its path.
func (m *Metrics) Request(route, method string, status int) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
}

// WatchEngine exposes what the engine says of itself, once: the revisions that
// decisions are made with, and how its memo does.
func (m *Metrics) WatchEngine(e *engine.Engine) error {
	return m.registry.Register(newEngineCollector(e))
}

// Handler serves the registry in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
