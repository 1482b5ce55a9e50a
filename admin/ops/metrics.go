package ops

import (
	"errors"
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
	duration  *prometheus.HistogramVec // of requests
	logins    *prometheus.CounterVec
	issuers   issuers
}

// NewMetrics makes a registry of its own, so that two houses in one process do not
// share counters.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), issuers: newIssuers()}
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
		Name: "gatehouse_http_requests_total", Help: "Requests other than those of proxies.",
	}, []string{"route", "method", "status"})
	// From a look-up in memory to a bulk import.
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_http_request_duration_seconds", Help: "Time one request took, other than those of proxies.",
		Buckets: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60},
	}, []string{"route", "method"})
	m.logins = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_login_attempts_total", Help: "Attempts to sign in, by how they ended.",
	}, []string{"outcome"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_build_info", Help: "1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.decisions.count, m.decisions.duration, m.answers.count, m.answers.duration, m.requests, m.duration, m.logins, build,
		m.issuers.tokens, m.issuers.fetches, m.issuers.dropped,
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
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route, method).Observe(took.Seconds())
}

// How an attempt to sign in may end.
const (
	LoginSucceeded = "success"
	LoginRefused   = "refused"   // wrong, unknown, disabled, expired, not linked: nobody is told which
	LoginThrottled = "throttled" // too many failures, or too many at once
	LoginMalformed = "malformed" // nothing was looked up
	LoginFailed    = "error"     // the house's own fault
)

// Login counts one attempt to sign in by the status of its answer.
func (m *Metrics) Login(status int) {
	outcome := LoginFailed
	switch {
	case status < http.StatusMultipleChoices:
		outcome = LoginSucceeded
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		outcome = LoginRefused
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		outcome = LoginThrottled
	case status < http.StatusInternalServerError:
		outcome = LoginMalformed
	}
	m.logins.WithLabelValues(outcome).Inc()
}

// Watch exposes what the engine says of itself, once: the revisions that decisions are
// made with, and how its memo does; and how far the directory is.
func (m *Metrics) Watch(e *engine.Engine, d Directory) error {
	return errors.Join(m.registry.Register(newEngineCollector(e)), m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_directory_revision", Help: "Revision of the directory that has been applied everywhere in this process.",
	}, func() float64 { return float64(d.Revision()) })))
}

// Directory is what metrics ask the directory.
type Directory interface{ Revision() uint64 }

// Handler serves the registry in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
