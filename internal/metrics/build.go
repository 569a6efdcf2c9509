package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// Build tells which version runs. It is there from the start and in every replica, so its
// absence means that nothing runs.
func Build(version string) prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: buildInfo.Name, Help: buildInfo.Help}, buildInfo.Labels)
	info.WithLabelValues(version, runtime.Version()).Set(1)
	return info
}
