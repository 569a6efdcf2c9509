package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// verify checks a Secret as a browser would that trusts the sandbox's root.
func (d *scenario) verify(ctx context.Context, s supply) error {
	secret := &corev1.Secret{}
	if err := d.lab.Client().Get(ctx, client.ObjectKey{Namespace: namespace, Name: s.secret}, secret); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{Intermediates: x509.NewCertPool()}
	for _, der := range pair.Certificate[1:] {
		intermediate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		options.Intermediates.AddCert(intermediate)
	}
	if options.Roots, err = d.lab.Roots(); err != nil {
		return err
	}
	var chains [][]*x509.Certificate
	for _, name := range s.names {
		options.DNSName = name
		if chains, err = pair.Leaf.Verify(options); err != nil {
			return err
		}
	}
	d.out.printf("Secret %s: verified for %s, valid until %s\n", s.secret, strings.Join(s.names, " and "), pair.Leaf.NotAfter.Format(time.DateOnly))
	for i, certificate := range chains[0] {
		d.out.printf("  %d  %s\n", i, certificate.Subject)
	}
	return nil
}
