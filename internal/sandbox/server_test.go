package sandbox_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func TestCallFaultsAndTheirEffect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  sandbox.Fault
		bought int
		check  func(*testing.T, *http.Response, string, error)
	}{
		"dropped before":  {sandbox.Fault{Kind: sandbox.FaultDropBefore}, 0, isDropped},
		"dropped after":   {sandbox.Fault{Kind: sandbox.FaultDropAfter}, 1, isDropped},
		"502":             {sandbox.Fault{Kind: sandbox.FaultStatus}, 0, isHTML(502)},
		"504 after":       {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 504, AfterEffect: true}, 1, isHTML(504)},
		"throttled":       {sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: 90 * time.Second}, 0, isThrottled("90")},
		"truncated":       {sandbox.Fault{Kind: sandbox.FaultTruncate}, 1, isTruncated},
		"error":           {sandbox.Fault{Kind: sandbox.FaultError, Code: "77", Message: "no"}, 0, says(`"error_code":77,"error_message":"no","success":false`)},
		"error word":      {sandbox.Fault{Kind: sandbox.FaultError, Code: "E77", AfterEffect: true}, 1, says(`"error_code":"E77"`)},
		"expired token":   {sandbox.Fault{Kind: sandbox.FaultExpireTokens}, 0, says(`"error_code":111`)},
		"delay cut short": {sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Hour}, 0, isDropped},
		"delay after":     {sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Hour, AfterEffect: true}, 1, isDropped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			interrupted := func(context.Context, time.Duration) error { return context.DeadlineExceeded }
			w := newWire(t, sandbox.Config{Sleep: interrupted}, sandbox.CyberSSLOptions{})
			test.fault.Op = sandbox.ClassBuy
			require.NoError(t, w.engine.Inject(test.fault))
			w.must(get, "get_balance", nil)
			response, text, err := w.send(post, "add_ssl_order", orderParams(newCSR(t, "example.com"), nil))
			test.check(t, response, string(text), err)
			assert.Len(t, w.engine.Ledger(sandbox.EntryPurchase), test.bought)
			assert.Empty(t, w.engine.Faults())
		})
	}
}

func isDropped(t *testing.T, _ *http.Response, _ string, err error) {
	t.Helper()
	require.ErrorIs(t, err, io.EOF)
}

func isHTML(status int) func(*testing.T, *http.Response, string, error) {
	return func(t *testing.T, response *http.Response, text string, err error) {
		t.Helper()
		require.NoError(t, err)
		assert.Equal(t, status, response.StatusCode)
		assert.Equal(t, "text/html", response.Header.Get("Content-Type"))
		assert.True(t, strings.HasPrefix(text, "<html>"))
		assert.Equal(t, sandbox.HeaderValue, response.Header.Get(sandbox.Header))
	}
}

func isThrottled(after string) func(*testing.T, *http.Response, string, error) {
	return func(t *testing.T, response *http.Response, text string, err error) {
		t.Helper()
		isHTML(http.StatusTooManyRequests)(t, response, text, err)
		assert.Equal(t, after, response.Header.Get("Retry-After"))
	}
}

func isTruncated(t *testing.T, response *http.Response, text string, err error) {
	t.Helper()
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.True(t, strings.HasPrefix(text, "{"))
	assert.False(t, json.Valid([]byte(text)))
}

func says(part string) func(*testing.T, *http.Response, string, error) {
	return func(t *testing.T, response *http.Response, text string, err error) {
		t.Helper()
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Contains(t, text, part)
	}
}

func TestFaultsByWireName(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	id, _ := w.buy(newCSR(t, "example.com"), nil)
	require.NoError(t, w.engine.Inject(
		sandbox.Fault{Kind: sandbox.FaultStatusWord, Op: "order_status", Word: "Frobnicated", Nth: 2},
		sandbox.Fault{Kind: sandbox.FaultStatus, Op: "my_orders", Times: -1},
	))
	assert.Equal(t, "Activated", w.must(get, "order_status", params{"order_id": id})["status"])
	assert.Equal(t, "Frobnicated", w.must(get, "order_status", params{"order_id": id})["status"])
	assert.Equal(t, "Activated", w.must(get, "order_status", params{"order_id": id})["status"])
	for range 3 {
		response, _, err := w.send(get, "my_orders", nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadGateway, response.StatusCode)
	}
}

func TestInProcessTransport(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	server := sandbox.NewServer(engine, nil, sandbox.NewCyberSSL(engine, sandbox.CyberSSLOptions{}))
	w := &wire{t: t, engine: engine, client: &http.Client{Transport: server.RoundTripper()}, base: "http://api.invalid/v1/"}
	w.login()
	w.buy(newCSR(t, "example.com"), nil)
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: "buy"}))
	_, _, err := w.send(post, "add_ssl_order", orderParams(newCSR(t, "example.com"), nil))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, engine.Ledger(), 2)

	var sent bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent = true }}
	ctx, cancel := context.WithCancel(httptrace.WithClientTrace(t.Context(), trace))
	request, err := http.NewRequestWithContext(ctx, get, "http://api.invalid/v1/get_balance", nil)
	require.NoError(t, err)
	response, err := server.RoundTripper().RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.True(t, sent, "the request counts as sent")
	cancel()
	_, err = server.RoundTripper().RoundTrip(request)
	require.ErrorIs(t, err, context.Canceled)
}

func TestServerLimitsAndIntermediate(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	engine, _ := newEngine(t, sandbox.Config{AIAURL: "http://127.0.0.1" + sandbox.IntermediatePath})
	logger := slog.New(slog.NewTextHandler(&log, nil))
	server := sandbox.NewServer(engine, logger, sandbox.NewCyberSSL(engine, sandbox.CyberSSLOptions{}))
	w := &wire{t: t, engine: engine, client: &http.Client{Transport: server.RoundTripper()}, base: "http://api.invalid/v1/"}
	w.login()
	response, _, err := w.send(post, "validate_csr", params{"csr": strings.Repeat("x", 2<<20)})
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)

	w.base = "http://api.invalid"
	_, der, err := w.send(get, sandbox.IntermediatePath, nil)
	require.NoError(t, err)
	intermediate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	leaf := parse(t, place(t, engine, "example.com").Certificate().PEM[0])[0]
	require.NoError(t, leaf.CheckSignatureFrom(intermediate))
	assert.Equal(t, []string{"http://127.0.0.1/aia/intermediate.crt"}, leaf.IssuingCertificateURL)
	assert.Contains(t, log.String(), "operation=auth")
	assert.NotContains(t, log.String(), sandbox.DefaultAPIKey)
	assert.NotContains(t, log.String(), w.token)
}
