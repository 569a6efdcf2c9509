package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// wire is a CyberSSL client that does what it is told.
type wire struct {
	t      *testing.T
	engine *sandbox.Engine
	clock  *clock
	client *http.Client
	base   string
	token  string
}

// newWire serves an engine as CyberSSL on a loopback port and logs in.
func newWire(t *testing.T, cfg sandbox.Config, options sandbox.CyberSSLOptions) *wire {
	t.Helper()
	engine, clock := newEngine(t, cfg)
	server := httptest.NewServer(sandbox.NewServer(engine, nil, sandbox.NewCyberSSL(engine, options)))
	t.Cleanup(server.Close)
	w := &wire{t: t, engine: engine, clock: clock, client: server.Client(), base: server.URL + "/v1/"}
	w.login()
	return w
}

func (w *wire) login() {
	w.t.Helper()
	w.token = w.must(http.MethodGet, "auth", params{"apikey": sandbox.DefaultAPIKey})["token"].(string)
}

// params are request parameters; the token is added where none is given.
type params map[string]string

func (w *wire) encode(p params) string {
	values := url.Values{}
	if _, ok := p["token"]; !ok && w.token != "" {
		values.Set("token", w.token)
	}
	for name, value := range p {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

// send makes a call: parameters in the query of a GET and in the form of a POST.
func (w *wire) send(verb, method string, p params) (*http.Response, []byte, error) {
	w.t.Helper()
	address, body := w.base+method, ""
	if verb == http.MethodGet {
		address += "?" + w.encode(p)
	} else {
		body = w.encode(p)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), verb, address, strings.NewReader(body))
	require.NoError(w.t, err)
	if verb == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	return response, text, nil
}

// call makes a call and decodes the answer.
func (w *wire) call(verb, method string, p params) map[string]any {
	w.t.Helper()
	response, text, err := w.send(verb, method, p)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, response.StatusCode)
	require.Equal(w.t, sandbox.HeaderValue, response.Header.Get(sandbox.Header))
	var answer map[string]any
	require.NoError(w.t, json.Unmarshal(text, &answer), string(text))
	return answer
}

// must makes a call that succeeds.
func (w *wire) must(verb, method string, p params) map[string]any {
	w.t.Helper()
	answer := w.call(verb, method, p)
	require.Equal(w.t, true, answer["success"], answer["error_message"])
	return answer
}

// fails makes a call that is refused with a code.
func (w *wire) fails(code int, verb, method string, p params) {
	w.t.Helper()
	answer := w.call(verb, method, p)
	require.Equal(w.t, false, answer["success"])
	require.InDelta(w.t, code, answer["error_code"], 0, answer["error_message"])
	require.NotEmpty(w.t, answer["error_message"])
}

// orderParams are the required parameters of add_ssl_order.
func orderParams(csr string, more params) params {
	p := params{
		"product_id": "17", "order_type": "new", "period": "1", "dv_method": "dns", "csr": csr,
		"admin_firstname": "Ada", "admin_lastname": "L", "admin_phone": "+49.1", "admin_title": "Ms", "admin_email": "ada@example.com",
	}
	for name, value := range more {
		p[name] = value
	}
	return p
}
