package connectreseller_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// TestConformanceWithoutRecords runs the kit on a vendor whose SSLDetails never tells a record,
// as in its sample, so that nothing proves whose CSR an order has.
func TestConformanceWithoutRecords(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ConnectResellerOptions{NoRecord: true}, providers.MethodEmail))
}

// TestFlowWithoutRecords publishes what Enrol found out.
func TestFlowWithoutRecords(t *testing.T) {
	t.Parallel()
	for _, method := range []providers.Method{providers.MethodTXT, providers.MethodFile, providers.MethodCNAME} {
		zone := published{}
		engine, err := sandbox.New(sandbox.Config{Validator: zone})
		require.NoError(t, err)
		server := httptest.NewServer(sandbox.NewServer(engine, nil, speak(sandbox.ConnectResellerOptions{NoRecord: true})(engine)))
		t.Cleanup(server.Close)
		p, err := connectreseller.New(config(providertest.Setup{
			Endpoint: server.URL + "/ConnectReseller/ESHOP", Client: providers.NewHTTPClient(providers.Options{AllowLoopback: true}),
			Key: sandbox.DefaultAPIKey, Product: providertest.SingleName, Method: method,
		}))
		require.NoError(t, err)
		request := providers.Request{CSR: newCSR(t), CommonName: "example.com", Names: []string{"example.com"}, Method: method, TermMonths: 12}
		placed, err := p.Buy(t.Context(), intent(providers.Purchase), request)
		require.NoError(t, err)
		placed, err = p.Enrol(t.Context(), intent(providers.Enrol), placed.IDs, request)
		require.NoError(t, err)
		require.Len(t, placed.Challenges, 1)
		zone.add(placed.Challenges[0])
		require.NoError(t, p.Validate(t.Context(), placed.IDs, placed.Challenges))
		engine.Tick(t.Context())
		order, err := p.Order(t.Context(), placed.IDs)
		require.NoError(t, err)
		assert.Equal(t, providers.StateIssued, order.State, method)
	}
}

// published is what a CA would find.
type published map[string]string

func (p published) add(c providers.Challenge) {
	p[c.RecordName] = c.RecordValue
	for _, url := range c.URLs {
		p[url] = c.Body
	}
}

// Validate implements sandbox.Validator.
func (p published) Validate(_ context.Context, c sandbox.Challenge) error {
	if !strings.EqualFold(p[strings.ToLower(c.RecordName)], c.RecordValue) && p["http://"+c.Name+c.FilePath] != c.FileBody {
		return errors.New("not there")
	}
	return nil
}

func intent(kind providers.OperationKind) *providers.Intent {
	return providers.NewIntent(kind, "i", "", time.Now(), time.Now)
}

func newCSR(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}}, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}
