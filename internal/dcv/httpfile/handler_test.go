package httpfile_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httpfile"
)

// published are files by host and path.
type published map[string]string

func (p published) Find(_ context.Context, host, path string) (string, bool, error) {
	body, ok := p[host+path]
	return body, ok, nil
}

type broken struct{}

func (broken) Find(context.Context, string, string) (string, bool, error) {
	return "", false, errors.New("the cache is not filled")
}

const path = "/.well-known/pki-validation/A1.txt"

func get(t *testing.T, handler http.Handler, method, host, path string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, "http://controller"+path, http.NoBody)
	request.Host = host
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestHandler(t *testing.T) {
	t.Parallel()
	handler := httpfile.Handler{Files: published{"example.com" + path: "line\r\ntoken\n"}}
	cases := map[string]struct {
		method, host, path string
		status             int
		body               string
	}{
		"file":                {"GET", "example.com", path, 200, "line\r\ntoken\n"},
		"host with port":      {"GET", "Example.com:80", path, 200, "line\r\ntoken\n"},
		"absolute host":       {"GET", "example.com.", path, 200, "line\r\ntoken\n"},
		"head":                {"HEAD", "example.com", path, 200, "line\r\ntoken\n"},
		"query is ignored":    {"GET", "example.com", path + "?t=1", 200, "line\r\ntoken\n"},
		"other file":          {"GET", "example.com", path + "x", 404, ""},
		"other case":          {"GET", "example.com", "/.well-known/pki-validation/a1.txt", 404, ""},
		"other host":          {"GET", "example.org", path, 404, ""},
		"listing":             {"GET", "example.com", "/.well-known/pki-validation/", 404, ""},
		"directory":           {"GET", "example.com", "/.well-known/pki-validation", 404, ""},
		"root":                {"GET", "example.com", "/", 404, ""},
		"below":               {"GET", "example.com", path + "/x", 404, ""},
		"around":              {"GET", "example.com", "/x/.." + path, 404, ""},
		"post":                {"POST", "example.com", path, 405, ""},
		"options":             {"OPTIONS", "example.com", path, 405, ""},
		"an address as host":  {"GET", "[::1]:80", path, 404, ""},
		"garbage in the host": {"GET", "a:b:c", path, 404, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := get(t, handler, tc.method, tc.host, tc.path)
			assert.Equal(t, tc.status, reply.Code)
			if tc.status == http.StatusOK {
				assert.Equal(t, tc.body, reply.Body.String())
				assert.Equal(t, "text/plain", reply.Header().Get("Content-Type"))
				assert.Equal(t, "12", reply.Header().Get("Content-Length"))
			}
			assert.Equal(t, "nosniff", reply.Header().Get("X-Content-Type-Options"))
		})
	}
	assert.Equal(t, http.StatusServiceUnavailable, get(t, httpfile.Handler{Files: broken{}}, "GET", "example.com", path).Code)
}

// Every replica serves the canaries of every other, and nobody else's.
func TestCanary(t *testing.T) {
	t.Parallel()
	canary := httpfile.Canary{Key: "cluster"}
	file := canary.File("example.com")
	require.NoError(t, file.Validate())
	assert.NotEqual(t, file.Path, canary.File("example.com").Path)
	replica := httpfile.Handler{Files: published{}, Canary: httpfile.Canary{Key: "cluster"}}
	reply := get(t, replica, "GET", "example.com", file.Path)
	assert.Equal(t, http.StatusOK, reply.Code)
	assert.Equal(t, file.Body, reply.Body.String())
	assert.NotContains(t, file.Body, "cluster")

	stranger := httpfile.Handler{Files: published{}, Canary: httpfile.Canary{Key: "other"}}
	assert.NotEqual(t, file.Body, get(t, stranger, "GET", "example.com", file.Path).Body.String())
	assert.NotEqual(t, file.Body, get(t, replica, "GET", "example.org", file.Path).Body.String())
	for _, name := range []string{"reseller-issuer-.txt", "reseller-issuer-00.txt", "reseller-issuer-zz.txt", "0123456789abcdef0123456789abcdef.txt"} {
		assert.Equal(t, http.StatusNotFound, get(t, replica, "GET", "example.com", dcv.FilePrefix+name).Code, name)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"example.com", "www.example.com"}, httpfile.Hosts("example.com"))
	assert.Equal(t, []string{"www.example.com", "example.com"}, httpfile.Hosts("www.example.com"))
}
