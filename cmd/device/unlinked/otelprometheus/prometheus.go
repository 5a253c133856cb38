// Package prometheus stands in for OpenTelemetry's Prometheus exporter in binaries that must not
// link it. New always fails.
package prometheus

import (
	"errors"

	"go.opentelemetry.io/otel/sdk/metric"
)

// Exporter is what New would return.
type Exporter struct{ metric.Reader }

// New returns an error: the exporter is not linked.
func New() (*Exporter, error) {
	return nil, errors.New(
		"the Prometheus exporter is not linked into this binary: build without the Makefile to have it",
	)
}
