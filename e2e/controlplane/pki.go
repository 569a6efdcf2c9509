package controlplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of everything that a control plane's own CAs sign.
const lifetime = 30 * 24 * time.Hour

// authority is a throw-away CA.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// pki is the keys and certificates of one control plane: NAME.crt and NAME.key
// in dir, and NAME.pub for a key pair without a certificate.
type pki struct {
	dir string
	// ca signs the servers and the clients, frontCA only the client that the API
	// server is towards aggregated APIs.
	ca, frontCA *authority
}

func newPKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{dir: dir}
	var err error
	if p.ca, err = p.newAuthority("ca"); err != nil {
		return nil, err
	}
	if p.frontCA, err = p.newAuthority("front-proxy-ca"); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return p, p.writeKeyPair("service-accounts", key)
}

func (p *pki) certPath(name string) string { return filepath.Join(p.dir, name+".crt") }
func (p *pki) keyPath(name string) string  { return filepath.Join(p.dir, name+".key") }
func (p *pki) pubPath(name string) string  { return filepath.Join(p.dir, name+".pub") }

// bundle is the main CA in PEM.
func (p *pki) bundle() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.certificate.Raw})
}

func (p *pki) newAuthority(name string) (*authority, error) {
	template, err := newTemplate(pkix.Name{CommonName: "reseller-issuer e2e " + name})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	return p.sign(name, template, nil)
}

// serve writes a server certificate for the loopback addresses and names.
func (p *pki) serve(name string, dnsNames ...string) error {
	template, err := newTemplate(pkix.Name{CommonName: name})
	if err != nil {
		return err
	}
	template.DNSNames = append([]string{"localhost"}, dnsNames...)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	_, err = p.sign(name, template, p.ca)
	return err
}

// client writes a client certificate for a user.
func (p *pki) client(name string, user pkix.Name, by *authority) error {
	template, err := newTemplate(user)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	_, err = p.sign(name, template, by)
	return err
}

func newTemplate(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}

// sign writes NAME.crt and NAME.key; without a parent the certificate signs itself.
func (p *pki) sign(name string, template *x509.Certificate, parent *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer := &authority{certificate: template, key: key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, key.Public(), signer.key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := writePEM(p.certPath(name), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key}, p.writeKey(name, key)
}

func (p *pki) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(p.keyPath(name), "PRIVATE KEY", der)
}

func (p *pki) writeKeyPair(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(p.pubPath(name), "PUBLIC KEY", der); err != nil {
		return err
	}
	return p.writeKey(name, key)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
