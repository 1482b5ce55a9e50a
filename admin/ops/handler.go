// Package ops owns what operators look at: metrics, readiness in detail and pprof, on
// a listener of their own.
//
// It does not own the parts that it reports about: they register checks, notes and
// counters. Neighbours: engine for revisions and decisions; admin wires it.
package ops

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"net/url"
)

// Handler serves the ops listener.
func Handler(h *Health, m *Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.serveReady)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the caller is gone: nobody to tell
}

func statusOf(ready bool) int {
	if ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// serveReady answers 200 or 503; with ?verbose it says in JSON what each part says.
func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if _, verbose := query["verbose"]; err != nil || !verbose {
		failed := h.Ready()
		text(w, statusOf(len(failed) == 0), word(failed))
		return
	}
	report := h.Report()
	body, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		text(w, http.StatusInternalServerError, "the report could not be written\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(report.Ready))
	_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody to tell
}
