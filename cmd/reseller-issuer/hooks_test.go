package main

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/cloudflare"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httphook"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// outward are solvers whose hooks may call this machine.
func outward(t *testing.T, secret string) solvers {
	t.Helper()
	options := providers.Options{AllowLoopback: true, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	return solvers{
		secrets: reader(t, tsigSecret(secret)), now: time.Now,
		http: providers.NewHTTPClient(options), options: options,
		allowed: endpoints{prefixes: []string{"https://127.0.0.1", "https://hook.example"}, flag: "--allowed-hook-urls"},
	}
}

func reference() v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: "tsig", Key: "key"}
}

// TestEverySolverHasAHook fails for a member of the union that was forgotten here.
func TestEverySolverHasAHook(t *testing.T) {
	t.Parallel()
	union := reflect.TypeFor[v1alpha1.Solver]()
	for i := range union.NumField() {
		field := union.Field(i)
		if field.Name == "Selector" || field.Type.Kind() != reflect.Pointer {
			continue
		}
		var solver v1alpha1.Solver
		reflect.ValueOf(&solver).Elem().Field(i).Set(reflect.New(field.Type.Elem()))
		_, err := outward(t, "value").hook(t.Context(), solver, "team")
		assert.NotErrorIs(t, err, errNoSolver, field.Name)
	}
}

func TestResellerPublishesWithoutAHook(t *testing.T) {
	t.Parallel()
	solver := v1alpha1.Solver{Reseller: &v1alpha1.SolverReseller{}}
	require.NoError(t, outward(t, "value").check(t.Context(), solver, "team"))
	_, err := outward(t, "value").hook(t.Context(), solver, "team")
	require.ErrorIs(t, err, order.ErrConfiguration)
}

func TestOutwardHooks(t *testing.T) {
	t.Parallel()
	program := func(change func(*v1alpha1.SolverHTTP)) v1alpha1.Solver {
		settings := &v1alpha1.SolverHTTP{URL: "https://hook.example/v1", AuthSecretRef: reference()}
		change(settings)
		return v1alpha1.Solver{HTTP: settings}
	}
	cases := map[string]struct {
		solver v1alpha1.Solver
		want   dcv.Hook
		text   string
	}{
		"cloudflare":      {solver: v1alpha1.Solver{Cloudflare: &v1alpha1.SolverCloudflare{APITokenSecretRef: reference(), Zone: "example.com"}}, want: &cloudflare.Hook{}},
		"no token":        {solver: v1alpha1.Solver{Cloudflare: &v1alpha1.SolverCloudflare{APITokenSecretRef: v1alpha1.SecretKeyReference{Name: "none", Key: "key"}}}, text: "cloudflare.apiTokenSecretRef: configuration: Secret team/none does not exist"},
		"no zone":         {solver: v1alpha1.Solver{Cloudflare: &v1alpha1.SolverCloudflare{APITokenSecretRef: reference(), Zone: "a..b"}}, text: "zone"},
		"http":            {solver: program(func(*v1alpha1.SolverHTTP) {}), want: &httphook.Hook{}},
		"plain http":      {solver: program(func(s *v1alpha1.SolverHTTP) { s.URL = "http://hook.example/v1" }), text: "http.url: configuration: it must be https"},
		"other program":   {solver: program(func(s *v1alpha1.SolverHTTP) { s.URL = "https://else.example/v1" }), text: "is not in the controller's --allowed-hook-urls"},
		"credentials":     {solver: program(func(s *v1alpha1.SolverHTTP) { s.URL = "https://me:hunter2@hook.example/v1" }), text: "no credentials"},
		"no bearer token": {solver: program(func(s *v1alpha1.SolverHTTP) { s.AuthSecretRef.Key = "none" }), text: "http.authSecretRef: configuration: Secret team/tsig has no value"},
		"no authorities":  {solver: program(func(s *v1alpha1.SolverHTTP) { s.CABundle = []byte("none") }), text: "http.caBundle: configuration"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hook, err := outward(t, "value").hook(t.Context(), tc.solver, "team")
			if tc.text == "" {
				require.NoError(t, err)
				assert.IsType(t, tc.want, hook)
				return
			}
			require.ErrorIs(t, err, order.ErrConfiguration)
			require.ErrorContains(t, err, tc.text)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestCheckCallsTheProgram has an issuer whose program is asked: a refusal is the issuer's
// fault, an outage isn't.
func TestCheckCallsTheProgram(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusOK)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer value", r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"types":["TXT"]}`)
	}))
	t.Cleanup(server.Close)
	s := outward(t, "value\n")
	s.allowed.prefixes = []string{anyEndpoint}
	solver := v1alpha1.Solver{HTTP: &v1alpha1.SolverHTTP{
		URL: server.URL, AuthSecretRef: reference(),
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}}
	require.NoError(t, s.check(t.Context(), solver, "team"))
	status.Store(http.StatusBadGateway)
	require.NoError(t, s.check(t.Context(), solver, "team"))
	status.Store(http.StatusUnauthorized)
	err := s.check(t.Context(), solver, "team")
	require.ErrorIs(t, err, order.ErrConfiguration)
	require.ErrorContains(t, err, "correct the token")
}

// TestLinkLocalIsNeverCalled has a program at the address of a cloud's metadata.
func TestLinkLocalIsNeverCalled(t *testing.T) {
	t.Parallel()
	s := outward(t, "value")
	s.allowed.prefixes = []string{anyEndpoint}
	record, err := dcv.NewRecord(dcv.TXT, "_a.example.com", "v")
	require.NoError(t, err)
	hook, err := s.hook(t.Context(), v1alpha1.Solver{HTTP: &v1alpha1.SolverHTTP{URL: "https://169.254.169.254/", AuthSecretRef: reference()}}, "team")
	require.NoError(t, err)
	_, err = hook.Present(t.Context(), dcv.Request{Record: record})
	require.ErrorContains(t, err, "the address is not allowed")
}
