package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsOptions are plain HTTP unless there is a certificate. It is read again when its
// files change; the CA of the clients is read once.
func metricsOptions(c config) (metricsserver.Options, error) {
	options := metricsserver.Options{BindAddress: c.metricsAddress}
	if c.metricsCertDir == "" {
		return options, nil
	}
	options.SecureServing, options.CertDir = true, c.metricsCertDir
	settings := func(t *tls.Config) { t.MinVersion = tls.VersionTLS12 }
	options.TLSOpts = append(options.TLSOpts, settings)
	if c.metricsClientCA == "" {
		return options, nil
	}
	bundle, err := os.ReadFile(c.metricsClientCA)
	if err != nil {
		return options, fmt.Errorf("--metrics-client-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return options, fmt.Errorf("--metrics-client-ca: %s has no certificate", c.metricsClientCA)
	}
	options.TLSOpts = append(options.TLSOpts, func(t *tls.Config) {
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	})
	return options, nil
}
