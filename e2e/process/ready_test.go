package process_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

func TestHTTPReady(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			http.Error(w, "etcd is missing", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	ready := process.HTTPReady(server.URL, nil)
	assert.ErrorContains(t, ready(t.Context()), "503 Service Unavailable: etcd is missing")
	healthy.Store(true)
	assert.NoError(t, ready(t.Context()))
}

func TestTCPReady(t *testing.T) {
	t.Parallel()
	port, err := process.FreePort(t.Context())
	require.NoError(t, err)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ready := process.TCPReady(address)
	assert.Error(t, ready(t.Context()))
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	assert.NoError(t, ready(t.Context()))
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 50 {
		port, err := process.FreePort(t.Context())
		require.NoError(t, err)
		assert.False(t, seen[port], "port %d was given twice", port)
		seen[port] = true
		assert.Less(t, port, 32768, "a port that outgoing connections may take")
	}
	for port := range seen {
		var config net.ListenConfig
		listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(listener.Addr().String(), strconv.Itoa(port)))
		require.NoError(t, listener.Close())
	}
}
