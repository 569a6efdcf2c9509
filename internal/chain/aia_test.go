package chain

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// aiaServer serves files by path and counts requests.
type aiaServer struct {
	*httptest.Server
	files map[string][]byte
	hits  atomic.Int32
}

func newAIAServer(t *testing.T) *aiaServer {
	t.Helper()
	s := &aiaServer{files: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		target := r.URL.Query().Get("to")
		if r.URL.Path == "/loop" {
			target = "/loop"
		}
		if target != "" {
			http.Redirect(w, r, target, http.StatusFound)
			return
		}
		body, ok := s.files[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, err := w.Write(body)
		assert.NoError(t, err)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *aiaServer) fetcher() Fetcher {
	return Fetcher{Client: s.Client(), AllowedHosts: []string{"127.0.0.1"}}
}

func aia(urls ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.IssuingCertificateURL = urls }
}

func TestFetchClimbs(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	root := newRoot(t, "Root")
	policy := root.sub(t, "Policy", aia(s.URL+"/root.crt"))
	issuing := policy.sub(t, "Issuing", aia(s.URL+"/policy.p7c"))
	key := ecKey(t)
	leaf := issuing.leaf(t, key.Public(), aia("ldap://dir.example/cn=x", s.URL+"/gone", s.URL+"/issuing.crt"))
	s.files["/issuing.crt"] = issuing.cert.Raw
	s.files["/policy.p7c"] = p7DER(t, root.cert, policy.cert)
	s.files["/root.crt"] = certPEM(root.cert)

	found, err := s.fetcher().Fetch(t.Context(), leaf)
	require.NoError(t, err)
	assert.Equal(t, subjects(list(issuing.cert, policy.cert)), subjects(found))
	assert.EqualValues(t, 4, s.hits.Load())

	req := Requirement{CSR: newCSR(t, key, "example.com"), Now: now}
	_, err = Build(list(leaf), req)
	requireReason(t, err, ReasonIntermediatesMissing)
	req.Extra = found
	got, err := Build(list(leaf), req)
	require.NoError(t, err)
	assert.Len(t, got.Intermediates, 2)
}

func TestFetchKeepsWhatItFound(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	inter := newRoot(t, "Root").sub(t, "Intermediate", aia(s.URL+"/gone"))
	s.files["/inter"] = inter.cert.Raw
	found, err := s.fetcher().Fetch(t.Context(), inter.leaf(t, ecKey(t).Public(), aia(s.URL+"/inter")))
	require.ErrorContains(t, err, "status 404")
	assert.Equal(t, subjects(list(inter.cert)), subjects(found))
}

func TestFetchStops(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	cas := []authority{newRoot(t, "Root")}
	for i := range maxHops + 1 {
		name := string(rune('A' + i))
		cas = append(cas, cas[i].sub(t, name, aia(s.URL+"/"+cas[i].cert.Subject.CommonName)))
		s.files["/"+name] = cas[i+1].cert.Raw
	}
	last := cas[len(cas)-1]
	found, err := s.fetcher().Fetch(t.Context(), last.leaf(t, ecKey(t).Public(), aia(s.URL+"/E")))
	require.NoError(t, err)
	assert.Len(t, found, maxHops)
	assert.EqualValues(t, maxHops, s.hits.Load())

	found, err = s.fetcher().Fetch(t.Context(), last.leaf(t, ecKey(t).Public()))
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	d := newDelivery(t)
	s.files["/inter"] = d.inter.cert.Raw
	s.files["/other"] = newRoot(t, "Intermediate").cert.Raw
	s.files["/large"] = append(bytes.Repeat([]byte("\n"), maxAIABody), certPEM(d.inter.cert)...)
	s.files["/html"] = []byte("<html>")
	elsewhere := "http://localhost:1/inter"

	for name, tt := range map[string]struct {
		url        string
		notAllowed bool
		hits       int32
	}{
		"host":           {url: elsewhere, notAllowed: true},
		"scheme":         {url: "ftp://127.0.0.1/inter", notAllowed: true},
		"user":           {url: "http://user@127.0.0.1/inter", notAllowed: true},
		"redirect":       {url: s.URL + "/?to=" + url.QueryEscape(elsewhere), notAllowed: true, hits: 1},
		"redirect loop":  {url: s.URL + "/loop", hits: 4},
		"malformed":      {url: "http://127.0.0.1:port/"},
		"not the issuer": {url: s.URL + "/other", hits: 1},
		"too large":      {url: s.URL + "/large", hits: 1},
		"HTML":           {url: s.URL + "/html", hits: 1},
		"not found":      {url: s.URL + "/nothing", hits: 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.hits.Load()
			found, err := s.fetcher().Fetch(t.Context(), d.inter.leaf(t, d.key.Public(), aia(tt.url)))
			require.Error(t, err)
			assert.Empty(t, found)
			assert.Equal(t, tt.hits, s.hits.Load()-before)
			if tt.notAllowed {
				require.ErrorIs(t, err, ErrHostNotAllowed)
			}
			assert.NotContains(t, err.Error(), "user@")
		})
	}
}

func TestFetchFollowsAllowedRedirect(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	d := newDelivery(t)
	s.files["/inter"] = d.inter.cert.Raw
	found, err := s.fetcher().Fetch(t.Context(), d.inter.leaf(t, d.key.Public(), aia(s.URL+"/?to=/inter")))
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

func TestFetchCancelled(t *testing.T) {
	t.Parallel()
	s := newAIAServer(t)
	d := newDelivery(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.fetcher().Fetch(ctx, d.inter.leaf(t, d.key.Public(), aia(s.URL+"/inter")))
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, s.hits.Load())
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	f := Fetcher{AllowedHosts: []string{"Sectigo.com", ".globalsign.com", "", "."}}
	for address, want := range map[string]bool{
		"http://crt.sectigo.com/a.crt":        true,
		"http://SECTIGO.com./a.crt":           true,
		"https://secure.globalsign.com/a.crt": true,
		"http://badsectigo.com/":              false,
		"http://sectigo.com.evil.example/":    false,
		"http:///a":                           false,
		"file:///etc/passwd":                  false,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, want, f.allowed(u), address)
	}
	assert.False(t, Fetcher{}.allowed(&url.URL{Scheme: "http", Host: "example.com"}))
}
