package dns01webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/dns01webhook"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/kubetest"
)

// server is an API server that answers with one reply and keeps what it got.
type server struct {
	status int
	reply  string
	path   string
	body   string
	kind   string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.path, s.body, s.kind = r.Method+" "+r.URL.Path, string(body), r.Header.Get("Content-Type")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.reply)
}

func settings() dns01webhook.Config {
	return dns01webhook.Config{
		GroupName: "acme.example.net", SolverName: "my-dns",
		Settings: []byte(`{"secretName":"dns"}`), SecretNamespace: "team",
	}
}

func newHook(t *testing.T, s *server, c dns01webhook.Config, zone string) (*dns01webhook.Hook, *kubetest.API) {
	t.Helper()
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	client, err := rest.UnversionedRESTClientFor(&rest.Config{Host: listener.URL, ContentConfig: rest.ContentConfig{NegotiatedSerializer: scheme.Codecs.WithoutConversion()}})
	require.NoError(t, err)
	api := kubetest.New(t)
	hook, err := dns01webhook.New(c, api, client, kubetest.Zones(zone))
	require.NoError(t, err)
	return hook, api
}

func request(t *testing.T, kind dcv.RecordType, name, value string) dcv.Request {
	t.Helper()
	record, err := dcv.NewRecord(kind, name, value)
	require.NoError(t, err)
	return dcv.Request{ID: "team/web", DNSName: "*.example.com", Record: record}
}

const success = `{"response":{"uid":"1","success":true}}`

// The request is cert-manager's, byte for byte but for the UID.
func TestWire(t *testing.T) {
	t.Parallel()
	for action, call := range map[string]func(*dns01webhook.Hook, dcv.Request) error{
		"Present": func(h *dns01webhook.Hook, r dcv.Request) error { _, err := h.Present(t.Context(), r); return err },
		"CleanUp": func(h *dns01webhook.Hook, r dcv.Request) error { return h.CleanUp(t.Context(), r) },
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := &server{status: http.StatusCreated, reply: success}
			hook, _ := newHook(t, s, settings(), "example.com.")
			require.NoError(t, call(hook, request(t, dcv.TXT, "_dnsauth.www.example.com", "Token")))
			assert.Equal(t, "POST /apis/acme.example.net/v1alpha1/my-dns", s.path)
			assert.Equal(t, "application/json", s.kind)
			var sent struct {
				Request struct {
					UID string `json:"uid"`
				} `json:"request"`
			}
			require.NoError(t, json.Unmarshal([]byte(s.body), &sent))
			assert.Len(t, sent.Request.UID, 32)
			assert.JSONEq(t, fmt.Sprintf(`{"request":{"uid":%q,"action":%q,"type":"dns-01","dnsName":"example.com","key":"Token",
				"resourceNamespace":"team","resolvedFQDN":"_dnsauth.www.example.com.","resolvedZone":"example.com.",
				"allowAmbientCredentials":false,"config":{"secretName":"dns"}}}`, sent.Request.UID, action), s.body)
		})
	}
}

func TestClusterIssuer(t *testing.T) {
	t.Parallel()
	s := &server{status: http.StatusCreated, reply: success}
	c := settings()
	c.Settings, c.AmbientCredentials = nil, true
	hook, _ := newHook(t, s, c, "example.com.")
	_, err := hook.Present(t.Context(), request(t, dcv.TXT, "_dnsauth.example.com", "Token"))
	require.NoError(t, err)
	assert.Contains(t, s.body, `"allowAmbientCredentials":true`)
	assert.NotContains(t, s.body, `"config"`)
}

func TestRefusedRecords(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind       dcv.RecordType
		name, zone string
		text       string
	}{
		"CNAME":                  {dcv.CNAME, "_ab.example.com", "example.com.", "publishes [TXT] only"},
		"apex":                   {dcv.TXT, "example.com", "example.com.", "begin with an underscore"},
		"host":                   {dcv.TXT, "shop.example.com", "example.com.", "begin with an underscore"},
		"apex of a strange zone": {dcv.TXT, "_dnsauth.example.com", "_dnsauth.example.com.", "apex"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{status: http.StatusCreated, reply: success}
			hook, _ := newHook(t, s, settings(), tc.zone)
			r := request(t, tc.kind, tc.name, "value.example.net")
			_, err := hook.Present(t.Context(), r)
			require.ErrorIs(t, err, dcv.ErrUnsupported)
			require.ErrorContains(t, err, tc.text)
			require.ErrorIs(t, hook.CleanUp(t.Context(), r), dcv.ErrUnsupported)
			assert.Empty(t, s.path, "the webhook is not called")
		})
	}
}

func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const rule = "{apiGroups: [acme.example.net], resources: [my-dns], verbs: [create]}"
	cases := map[string]struct {
		status int
		reply  string
		is     error
		texts  []string
	}{
		"done":               {status: 201, reply: success},
		"refused":            {status: 201, reply: `{"response":{"success":false,"status":{"message":"no such\nzone"}}}`, texts: []string{"the webhook says: no such zone"}},
		"long refusal":       {status: 201, reply: `{"response":{"success":false,"status":{"message":"` + strings.Repeat("a", 300) + `"}}}`, texts: []string{strings.Repeat("a", 256) + "…"}},
		"refused in silence": {status: 201, reply: `{"response":{"success":false}}`, texts: []string{"look into its log"}},
		"no response":        {status: 201, reply: `{"request":{}}`, texts: []string{"not that of a DNS01 webhook"}},
		"not JSON":           {status: 200, reply: `<html>`, texts: []string{"not that of a DNS01 webhook"}},
		"no permission":      {status: 403, reply: status(403, "Forbidden", "may not"), is: dcv.ErrDenied, texts: []string{rule, "service account"}},
		"no such solver":     {status: 404, reply: status(404, "NotFound", "no"), is: dcv.ErrUnsupported, texts: []string{"no solver my-dns in the API group acme.example.net"}},
		"webhook is down":    {status: 503, reply: status(503, "ServiceUnavailable", "no endpoints"), texts: []string{"APIService v1alpha1.acme.example.net", "no endpoints"}},
		"crash":              {status: 500, reply: status(500, "InternalError", "panic"), texts: []string{"the webhook answers", "panic"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hook, _ := newHook(t, &server{status: tc.status, reply: tc.reply}, settings(), "example.com.")
			r := request(t, dcv.TXT, "_dnsauth.example.com", "Token")
			_, err := hook.Present(t.Context(), r)
			if len(tc.texts) == 0 {
				require.NoError(t, err)
				require.NoError(t, hook.CleanUp(t.Context(), r))
				return
			}
			require.Error(t, err)
			require.Error(t, hook.CleanUp(t.Context(), r))
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			for _, text := range tc.texts {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	hook, api := newHook(t, &server{}, settings(), "example.com.")
	require.NoError(t, hook.Probe(t.Context()))
	require.Len(t, api.Reviews, 1)
	assert.Equal(t, "acme.example.net", api.Reviews[0].Group)
	assert.Equal(t, "my-dns", api.Reviews[0].Resource)
	assert.Equal(t, "create", api.Reviews[0].Verb)
	assert.Empty(t, api.Reviews[0].Namespace, "a webhook's API has no namespaces")
	api.Denied = []string{"create"}
	err := hook.Probe(t.Context())
	require.ErrorIs(t, err, dcv.ErrDenied)
	require.ErrorContains(t, err, "{apiGroups: [acme.example.net], resources: [my-dns], verbs: [create]}")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edit func(*dns01webhook.Config)
		text string
	}{
		"no group":             {func(c *dns01webhook.Config) { c.GroupName = "" }, "groupName"},
		"group without a dot":  {func(c *dns01webhook.Config) { c.GroupName = "apps" }, "dot"},
		"path in the group":    {func(c *dns01webhook.Config) { c.GroupName = "acme.example.net/v1/x" }, "groupName"},
		"dots in the group":    {func(c *dns01webhook.Config) { c.GroupName = "../api.v1" }, "groupName"},
		"upper case":           {func(c *dns01webhook.Config) { c.GroupName = "Acme.example.net" }, "groupName"},
		"Kubernetes":           {func(c *dns01webhook.Config) { c.GroupName = "rbac.authorization.k8s.io" }, "k8s.io"},
		"Kubernetes itself":    {func(c *dns01webhook.Config) { c.GroupName = "k8s.io" }, "k8s.io"},
		"Kubernetes' projects": {func(c *dns01webhook.Config) { c.GroupName = "cluster.x-k8s.io" }, "x-k8s.io"},
		"kubernetes.io":        {func(c *dns01webhook.Config) { c.GroupName = "node.kubernetes.io" }, "kubernetes.io"},
		"cert-manager":         {func(c *dns01webhook.Config) { c.GroupName = "cert-manager.io" }, "cert-manager.io"},
		"cert-manager's ACME":  {func(c *dns01webhook.Config) { c.GroupName = "acme.cert-manager.io" }, "cert-manager.io"},
		"this project":         {func(c *dns01webhook.Config) { c.GroupName = "reseller-issuer.io" }, "reseller-issuer.io"},
		"no solver":            {func(c *dns01webhook.Config) { c.SolverName = "" }, "solverName"},
		"path in the solver":   {func(c *dns01webhook.Config) { c.SolverName = "a/b" }, "solverName"},
		"dots in the solver":   {func(c *dns01webhook.Config) { c.SolverName = ".." }, "solverName"},
		"query in the solver":  {func(c *dns01webhook.Config) { c.SolverName = "a?dryRun=All" }, "solverName"},
		"no JSON":              {func(c *dns01webhook.Config) { c.Settings = []byte("{") }, "config"},
		"no namespace":         {func(c *dns01webhook.Config) { c.SecretNamespace = "" }, "namespace"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := settings()
			tc.edit(&c)
			_, err := dns01webhook.New(c, nil, nil, nil)
			require.ErrorContains(t, err, tc.text)
		})
	}
	c := settings()
	c.GroupName = "notk8s.io"
	_, err := dns01webhook.New(c, nil, nil, nil)
	require.NoError(t, err, "only whole labels count")
}
