// Package httpfile serves validation files over HTTP, and looks whether the world gets
// them.
package httpfile

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Finder finds files that are published.
type Finder interface {
	// Find returns the content of a file; ok is false where there is none. The host is in
	// lower case without port; it may be one for which nothing is published, because a web
	// server elsewhere may forward or redirect to here. An error means that it can't be
	// told now.
	Find(ctx context.Context, host, path string) (body string, ok bool, err error)
}

// Handler answers requests for validation files and canaries, and no others.
type Handler struct {
	Files  Finder
	Canary Canary
}

// ServeHTTP implements http.Handler. There is no listing, and nothing outside of
// [dcv.FilePrefix].
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, ok, err := h.find(r)
	switch {
	case err != nil:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	case !ok:
		http.NotFound(w, r)
	default:
		header.Set("Content-Type", "text/plain")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		// The peer may be gone; there is nobody else to tell.
		_, _ = io.WriteString(w, body) //nolint:gosec // plain text, and no guessing of types
	}
}

func (h Handler) find(r *http.Request) (string, bool, error) {
	name, below := strings.CutPrefix(r.URL.Path, dcv.FilePrefix)
	if !below || name == "" || strings.Contains(name, "/") {
		return "", false, nil
	}
	host := hostOf(r.Host)
	if body, ok := h.Canary.answer(host, name); ok {
		return body, true, nil
	}
	return h.Files.Find(r.Context(), host, r.URL.Path)
}

// hostOf is the name in a Host header, in the form in which files are published.
func hostOf(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
