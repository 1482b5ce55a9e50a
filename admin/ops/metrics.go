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
	decisions *prometheus.CounterVec
	evaluated *prometheus.HistogramVec
	answers   *prometheus.CounterVec
	answered  *prometheus.HistogramVec
	requests  *prometheus.CounterVec
}

// NewMetrics makes a registry of its own, so that two houses in one process do not
// share counters.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_decisions_total", Help: "Decisions of the policy engine.",
		}, []string{"entrypoint", "effect", "reason"}),
		evaluated: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_decision_duration_seconds", Help: "Time the policy engine took for a decision.",
			Buckets: prometheus.ExponentialBuckets(10e-6, 2, 14),
		}, []string{"entrypoint"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_ingress_answers_total", Help: "Answers given to proxies, refusals before policy included.",
		}, []string{"door", "effect", "reason"}),
		answered: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_ingress_duration_seconds", Help: "Time one answer to a proxy took.",
			Buckets: prometheus.ExponentialBuckets(25e-6, 2, 14),
		}, []string{"door"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_total", Help: "Other requests on the public listener.",
		}, []string{"route", "method", "status"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatehouse_build_info", Help: "1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.decisions, m.evaluated, m.answers, m.answered, m.requests, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Decision counts one decision of the engine.
func (m *Metrics) Decision(entrypoint string, d *engine.Decision) {
	m.decisions.WithLabelValues(entrypoint, string(d.Effect), d.Reason).Inc()
	m.evaluated.WithLabelValues(entrypoint).Observe(d.Took.Seconds())
}

// Answer counts one answer to a proxy.
func (m *Metrics) Answer(door, effect, reason string, took time.Duration) {
	m.answers.WithLabelValues(door, effect, reason).Inc()
	m.answered.WithLabelValues(door).Observe(took.Seconds())
}

// Request counts one request of the other surfaces by its route, never by its path.
func (m *Metrics) Request(route, method string, status int) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
}

// WatchRevisions exposes the revisions that decisions are made with, once.
func (m *Metrics) WatchRevisions(e *engine.Engine) error {
	return m.registry.Register(&revisions{
		engine: e,
		data:   prometheus.NewDesc("gatehouse_data_revision", "Revision of the directory that decisions see.", nil, nil),
		policy: prometheus.NewDesc("gatehouse_policy_info", "1; the active policy revision is in the label.", []string{"revision"}, nil),
	})
}

// Handler serves the registry in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

type revisions struct {
	engine       *engine.Engine
	data, policy *prometheus.Desc
}

func (r *revisions) Describe(out chan<- *prometheus.Desc) {
	out <- r.data
	out <- r.policy
}

func (r *revisions) Collect(out chan<- prometheus.Metric) {
	policy, data := r.engine.Revisions()
	out <- prometheus.MustNewConstMetric(r.data, prometheus.GaugeValue, float64(data))
	if policy != "" {
		out <- prometheus.MustNewConstMetric(r.policy, prometheus.GaugeValue, 1, policy)
	}
}
