package trial

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// proxyTo starts an HTTP proxy that connects requests for host to address and refuses others,
// and returns its URL.
func proxyTo(t *testing.T, host, address string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != host {
			http.Error(w, "not here", http.StatusForbidden)
			return
		}
		target, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		connection, buffer, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		go func() {
			_, _ = io.Copy(target, buffer) // ends when either side closes
			_ = target.Close()
		}()
		_, _ = io.Copy(connection, target)
		_ = connection.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}
