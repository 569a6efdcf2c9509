package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// subjectPrefix starts every CA name, so that nobody mistakes one for a public CA.
const subjectPrefix = "SANDBOX - NOT TRUSTED "

// A root outlives any simulation; it starts in the past so that a simulated clock
// may be set back a little.
const (
	caBackdate = 366 * 24 * time.Hour
	caLifetime = 25 * 366 * 24 * time.Hour
)

// CA is a throw-away certificate authority: a root, one intermediate and leaves
// signed by it, with ECDSA P-256 keys. Nobody trusts it. It is safe for
// concurrent use and can be shared by engines.
type CA struct {
	root, intermediate *x509.Certificate
	key                *ecdsa.PrivateKey
}

// NewCA makes a CA that is valid from a year before now for 25 years. Keys always come from the
// operating system: Go's ECDSA takes no other source.
func NewCA(now time.Time) (*CA, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: make root key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: make intermediate key: %w", err)
	}
	root := caTemplate("Root CA", 1, now)
	root.MaxPathLen = 1
	rootCert, err := sign(root, root, rootKey.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	intermediate := caTemplate("DV CA", 2, now)
	intermediate.MaxPathLenZero = true
	cert, err := sign(intermediate, rootCert, key.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	return &CA{root: rootCert, intermediate: cert, key: key}, nil
}

func caTemplate(name string, serial int64, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: subjectPrefix + name, Organization: []string{"reseller-sandbox"}},
		NotBefore:             now.Add(-caBackdate).Truncate(time.Second),
		NotAfter:              now.Add(caLifetime).Truncate(time.Second),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func sign(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		return nil, fmt.Errorf("sandbox: sign certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("sandbox: read signed certificate: %w", err)
	}
	return cert, nil
}

// Root is the self-signed certificate at the top.
func (ca *CA) Root() *x509.Certificate { return ca.root }

// Intermediate is the certificate that signs the leaves.
func (ca *CA) Intermediate() *x509.Certificate { return ca.intermediate }

// RootPEM is the root in PEM.
func (ca *CA) RootPEM() string { return certificatePEM(ca.root.Raw) }

// Pool holds the root, for verification.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}

func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// leafRequest says what a leaf is to hold.
type leafRequest struct {
	key                 crypto.PublicKey
	names               []string // the first is the common name
	serial              *big.Int
	notBefore, notAfter time.Time
	aia                 string
}

// domainValidated is the CA/Browser Forum's policy identifier for DV certificates.
var domainValidated = asn1.ObjectIdentifier{2, 23, 140, 1, 2, 1}

// issue signs a server certificate.
func (ca *CA) issue(request leafRequest) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:          request.serial,
		Subject:               pkix.Name{CommonName: request.names[0]},
		DNSNames:              request.names,
		NotBefore:             request.notBefore,
		NotAfter:              request.notAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PolicyIdentifiers:     []asn1.ObjectIdentifier{domainValidated},
	}
	if _, ok := request.key.(*rsa.PublicKey); ok {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	if request.aia != "" {
		template.IssuingCertificateURL = []string{request.aia}
	}
	return sign(template, ca.intermediate, request.key, ca.key)
}

// ServerCertificate makes a certificate with which the sandbox itself can be
// served over TLS at hosts (names or addresses), valid for a year from now.
func (ca *CA) ServerCertificate(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sandbox: make server key: %w", err)
	}
	serial, err := newSerial(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: subjectPrefix + "API"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(365 * 24 * time.Hour),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	leaf, err := sign(template, ca.intermediate, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, ca.intermediate.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// newSerial reads a positive serial number of 127 bits.
func newSerial(random io.Reader) (*big.Int, error) {
	var octets [16]byte
	if _, err := io.ReadFull(random, octets[:]); err != nil {
		return nil, fmt.Errorf("sandbox: read serial number: %w", err)
	}
	octets[0] = octets[0]&0x7f | 0x40
	return new(big.Int).SetBytes(octets[:]), nil
}
