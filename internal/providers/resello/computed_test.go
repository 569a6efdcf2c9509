package resello_test

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
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// published is what a CA would find.
type published map[string]string

// Validate implements sandbox.Validator.
func (p published) Validate(_ context.Context, c sandbox.Challenge) error {
	if !strings.EqualFold(p[strings.ToLower(c.RecordName)], c.RecordValue) && p["http://"+c.Name+c.FilePath] != c.FileBody {
		return errors.New("not there")
	}
	return nil
}

// TestComputedFlow: a reseller that tells no validation data, whose CA uses no unique value.
// What is published before paying is what the CA looks for.
func TestComputedFlow(t *testing.T) {
	t.Parallel()
	yes := true
	for _, method := range []providers.Method{providers.MethodCNAME, providers.MethodFile} {
		zone := published{}
		engine, err := sandbox.New(sandbox.Config{Validator: zone})
		require.NoError(t, err)
		server := httptest.NewServer(sandbox.NewServer(engine, nil, sandbox.NewResello(engine, sandbox.ReselloOptions{NoDetails: true})))
		t.Cleanup(server.Close)
		p, err := resello.New(resello.Config{
			Endpoint: server.URL + "/api/v1", Username: sandbox.DefaultAccount, APIKey: sandbox.DefaultAPIKey,
			Product: resello.Product{ID: sandbox.ReselloPlan("17"), ECDSA: &yes}, ComputedCNAME: true,
			HTTPClient: providers.NewHTTPClient(providers.Options{AllowLoopback: true}),
		})
		require.NoError(t, err)
		request := providers.Request{CSR: newCSR(t), CommonName: "example.com", Names: []string{"example.com"}, Method: method, TermMonths: 12}
		early, prepared, err := p.(providers.Preparer).Prepare(t.Context(), request)
		require.NoError(t, err)
		assert.Empty(t, prepared)
		require.Len(t, early, 1)
		zone[early[0].RecordName] = early[0].RecordValue
		for _, url := range early[0].URLs {
			zone[url] = early[0].Body
		}
		intent := providers.NewIntent(providers.Purchase, "i", "ri-1", time.Now(), time.Now)
		placed, err := p.Buy(t.Context(), intent, request)
		require.NoError(t, err)
		order, err := p.Order(t.Context(), placed.IDs)
		require.NoError(t, err)
		assert.Equal(t, early, order.Challenges)
		engine.Tick(t.Context())
		order, err = p.Order(t.Context(), placed.IDs)
		require.NoError(t, err)
		assert.Equal(t, providers.StateIssued, order.State)
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	p, err := resello.New(resello.Config{
		Username: "u", APIKey: "k", Product: resello.Product{ID: sandbox.ReselloPlan("17")}, ComputedCNAME: true,
		HTTPClient: providers.NewHTTPClient(providers.Options{}),
	})
	require.NoError(t, err)
	for field, request := range map[string]providers.Request{
		"spec.commonName": {},
		"spec.request":    {CSR: []byte("x"), CommonName: "a.com", Names: []string{"a.com"}, Method: providers.MethodTXT, TermMonths: 12},
	} {
		_, _, err := p.(providers.Preparer).Prepare(t.Context(), request)
		failure, ok := errors.AsType[*providers.Error](err)
		require.True(t, ok)
		assert.Equal(t, field, failure.Field)
	}
}

func newCSR(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}}, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}
