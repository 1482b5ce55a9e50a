package ops

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// otherOutcome is counted in the place of a word that is on no list.
const otherOutcome = "other"

// tokenOutcomes are what may become of a token of a trusted issuer.
var tokenOutcomes = []string{
	trusted.OutcomeAccepted, trusted.OutcomeUnlinked,
	authn.ReasonBadToken, authn.ReasonExpiredToken, authn.ReasonNotLinked, authn.ReasonIssuerUnavailable,
	authn.ReasonAccountDisabled, authn.ReasonUnknownAccount, otherOutcome,
}

// issuers counts what trusted issuers' tokens and keys come to.
type issuers struct{ tokens, fetches, dropped *prometheus.CounterVec }

func newIssuers() issuers {
	return issuers{
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_trusted_tokens_total", Help: "Tokens of trusted issuers that were presented, by what became of them.",
		}, []string{"issuer", "outcome"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_trusted_key_fetches_total", Help: "Fetches of the key set of a trusted issuer.",
		}, []string{"issuer", "outcome"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_trusted_groups_dropped_total", Help: "Verified tokens of a trusted issuer with groups that were not taken over.",
		}, []string{"issuer"}),
	}
}

// TrustedIssuers returns what counts the outcomes of the named issuers, as
// trusted.Options has it. All series are there from the start, so that a rate shows the
// first failure too; an issuer that is not named is not counted.
func (m *Metrics) TrustedIssuers(names ...string) func(issuer, outcome string) {
	type series struct{ issuer, outcome string }
	known := map[series]prometheus.Counter{}
	for _, name := range names {
		for _, outcome := range tokenOutcomes {
			known[series{name, outcome}] = m.issuers.tokens.WithLabelValues(name, outcome)
		}
		known[series{name, trusted.OutcomeKeysFetched}] = m.issuers.fetches.WithLabelValues(name, "success")
		known[series{name, trusted.OutcomeKeysFailed}] = m.issuers.fetches.WithLabelValues(name, "error")
		known[series{name, trusted.OutcomeGroupsDropped}] = m.issuers.dropped.WithLabelValues(name)
	}
	return func(issuer, outcome string) {
		counter, found := known[series{issuer, outcome}]
		if !found {
			counter, found = known[series{issuer, otherOutcome}]
		}
		if found {
			counter.Inc()
		}
	}
}
