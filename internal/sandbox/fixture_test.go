package sandbox_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const day = 24 * time.Hour

// clock is a settable clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newEngine makes an engine on a settable clock.
func newEngine(t *testing.T, cfg sandbox.Config) (*sandbox.Engine, *clock) {
	t.Helper()
	c := newClock()
	cfg.Now = c.Now
	engine, err := sandbox.New(cfg)
	require.NoError(t, err)
	return engine, c
}

// newKey is a P-256 key: fast to make.
func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// newCSR is a CSR with a fresh key for a common name and further DNS names.
func newCSR(t *testing.T, commonName string, names ...string) string {
	t.Helper()
	return signCSR(t, newKey(t), &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: commonName}, DNSNames: names,
	})
}

func signCSR(t *testing.T, key crypto.Signer, template *x509.CertificateRequest) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// request is a purchase of product 17 for a name, validated by DNS.
func request(t *testing.T, commonName string) sandbox.OrderRequest {
	t.Helper()
	return sandbox.OrderRequest{
		Account: sandbox.DefaultAccount, Product: "17", Years: 1,
		Supply: sandbox.Supply{CSR: newCSR(t, commonName), Method: sandbox.MethodDNS},
	}
}

// place buys request(commonName).
func place(t *testing.T, engine *sandbox.Engine, commonName string) *sandbox.Order {
	t.Helper()
	o, err := engine.Place(request(t, commonName))
	require.NoError(t, err)
	return o
}

// supply is a new CSR for a name, validated by DNS.
func supply(t *testing.T, commonName string, names ...string) sandbox.Supply {
	t.Helper()
	return sandbox.Supply{CSR: newCSR(t, commonName), Names: names, Method: sandbox.MethodDNS}
}

// parse reads the certificates of a delivery.
func parse(t *testing.T, blocks ...string) []*x509.Certificate {
	t.Helper()
	var certificates []*x509.Certificate
	for _, text := range blocks {
		rest := []byte(text)
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			certificates = append(certificates, certificate)
		}
	}
	return certificates
}

// refused asserts that the sandbox refuses with a kind.
func refused(t *testing.T, err error, kind sandbox.ErrorKind) {
	t.Helper()
	var refusal *sandbox.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, kind, refusal.Kind, refusal.Message)
}

// neverValid is a Validator that finds nothing.
var neverValid = sandbox.ValidatorFunc(func(_ context.Context, c sandbox.Challenge) error {
	return &sandbox.Error{Kind: sandbox.ErrNotFound, Message: "nothing at " + c.RecordName}
})

// records is an in-memory DNS as a Validator.
type records struct {
	mu     sync.Mutex
	values map[string]string
	looks  int
}

func newRecords() *records { return &records{values: map[string]string{}} }

func (r *records) publish(challenges ...sandbox.Challenge) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range challenges {
		r.values[c.RecordName] = c.RecordValue
	}
}

// publishOrder publishes what an order waits for.
func (r *records) publishOrder(o *sandbox.Order) {
	for _, domain := range o.Current().Domains {
		r.publish(domain.Challenge)
	}
}

func (r *records) Validate(ctx context.Context, challenge sandbox.Challenge) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	if r.values[challenge.RecordName] != challenge.RecordValue {
		return neverValid(ctx, challenge)
	}
	return nil
}

func serial(text string) *big.Int {
	number, _ := new(big.Int).SetString(text, 16)
	return number
}
