package providertest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// wire counts the requests that reach the simulated reseller and remembers what is
// secret in them.
type wire struct {
	protocol    sandbox.Protocol
	next        http.Handler
	credentials func(*http.Request) []string

	mu    sync.Mutex
	calls []string // classes of operations
	found []string
}

// ServeHTTP implements http.Handler.
func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(out, "the body can't be read", http.StatusBadRequest)
		return
	}
	again := func() *http.Request {
		copied := r.Clone(r.Context())
		copied.Body = io.NopCloser(bytes.NewReader(body))
		return copied
	}
	routed := again()
	if path, ok := strings.CutPrefix(r.URL.Path, "/"+w.protocol.Name()+"/"); ok {
		routed.URL.Path = "/" + path
	}
	w.note(w.protocol.Operation(routed).Class, w.credentials(again()))
	w.next.ServeHTTP(out, again())
}

func (w *wire) note(class string, secrets []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, class)
	for _, secret := range secrets {
		if secret != "" && !slices.Contains(w.found, secret) {
			w.found = append(w.found, secret)
		}
	}
}

// count is how many requests of a class came, of all classes if it is empty.
func (w *wire) count(class string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, call := range w.calls {
		if class == "" || call == class {
			n++
		}
	}
	return n
}

func (w *wire) secrets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.found)
}
