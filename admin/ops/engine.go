package ops

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// engineCollector reads the engine when metrics are asked for, so that deciding does
// not count the same things twice.
type engineCollector struct {
	engine *engine.Engine

	data, policy          *prometheus.Desc
	hits, misses, skipped *prometheus.Desc
	entries, bytes        *prometheus.Desc
}

func newEngineCollector(e *engine.Engine) *engineCollector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &engineCollector{
		engine:  e,
		data:    describe("gatehouse_data_revision", "Revision of the directory that decisions see."),
		policy:  describe("gatehouse_policy_info", "1; the active policy revision is in the label.", "revision"),
		hits:    describe("gatehouse_decision_memo_hits_total", "Decisions that were remembered."),
		misses:  describe("gatehouse_decision_memo_misses_total", "Decisions that were made and then remembered."),
		skipped: describe("gatehouse_decision_memo_skipped_total", "Decisions that were made and may not be remembered."),
		entries: describe("gatehouse_decision_memo_entries", "Decisions that the memo holds."),
		bytes:   describe("gatehouse_decision_memo_bytes", "Memory that the memo holds, as it counts it."),
	}
}

// Describe implements prometheus.Collector.
func (c *engineCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.data, c.policy, c.hits, c.misses, c.skipped, c.entries, c.bytes} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *engineCollector) Collect(out chan<- prometheus.Metric) {
	policy, data := c.engine.Revisions()
	out <- prometheus.MustNewConstMetric(c.data, prometheus.GaugeValue, float64(data))
	if policy != "" {
		out <- prometheus.MustNewConstMetric(c.policy, prometheus.GaugeValue, 1, policy)
	}
	s := c.engine.Stats()
	out <- prometheus.MustNewConstMetric(c.hits, prometheus.CounterValue, float64(s.Hits))
	out <- prometheus.MustNewConstMetric(c.misses, prometheus.CounterValue, float64(s.Misses))
	out <- prometheus.MustNewConstMetric(c.skipped, prometheus.CounterValue, float64(s.Skipped))
	out <- prometheus.MustNewConstMetric(c.entries, prometheus.GaugeValue, float64(s.Entries))
	out <- prometheus.MustNewConstMetric(c.bytes, prometheus.GaugeValue, float64(s.Bytes))
}
