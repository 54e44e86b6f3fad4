package control

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/phyllo-net/phyllo/api"
)

// metricsHandler serves what the node, this server and the Go runtime count.
func (s *Server) metricsHandler(ctx context.Context) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{server: s, ctx: ctx}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, DisableCompression: true,
	})
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(metricTime + writeTime))
	s.expose.ServeHTTP(w, r)
}

// collector turns samples into what Prometheus reads. It describes nothing before,
// as it is the node that knows what there is.
type collector struct {
	server *Server
	ctx    context.Context
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, end := context.WithTimeout(c.ctx, metricTime)
	defer end()
	samples, err := c.server.cfg.Node.Metrics(ctx)
	if err != nil {
		c.server.cfg.Log.Warn("the node's metrics cannot be read", "err", err)
	}
	for _, m := range append(samples, c.server.counts.samples()...) {
		ch <- metric(m)
	}
}

func metric(m api.Metric) prometheus.Metric {
	kind := prometheus.GaugeValue
	if m.Counter {
		kind = prometheus.CounterValue
	}
	names := slices.Sorted(maps.Keys(m.Labels))
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = m.Labels[n]
	}
	desc := prometheus.NewDesc(m.Name, m.Help, names, nil)
	out, err := prometheus.NewConstMetric(desc, kind, m.Value, values...)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return out
}

// samples returns what was counted here.
func (c *counts) samples() []api.Metric {
	bad, requests := c.copies()
	var out []api.Metric
	for kind, n := range bad {
		out = append(out, api.Metric{Name: api.BadInputMetric, Help: api.BadInputHelp, Counter: true,
			Labels: map[string]string{"kind": kind}, Value: float64(n)})
	}
	for r, n := range requests {
		out = append(out, api.Metric{Name: "phyllo_control_requests_total", Help: "Requests to the control interface, by operation and outcome.",
			Counter: true, Labels: map[string]string{"op": r.op, "result": r.result}, Value: float64(n)})
	}
	return out
}
