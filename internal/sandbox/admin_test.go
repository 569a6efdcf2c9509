package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// adminCall asks the admin API and decodes the answer into result.
func adminCall(t *testing.T, server *httptest.Server, verb, path, body string, status int, result any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), verb, server.URL+"/admin/"+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, status, response.StatusCode, string(text))
	require.Equal(t, sandbox.HeaderValue, response.Header.Get(sandbox.Header))
	if result != nil {
		require.NoError(t, json.Unmarshal(text, result), string(text))
	}
}

func newAdmin(t *testing.T) (*sandbox.Engine, *httptest.Server) {
	t.Helper()
	engine, _ := newEngine(t, sandbox.Config{Validator: neverValid})
	server := httptest.NewServer(sandbox.AdminHandler(engine, nil))
	t.Cleanup(server.Close)
	return engine, server
}

func TestAdminOrders(t *testing.T) {
	t.Parallel()
	engine, server := newAdmin(t)
	o := place(t, engine, "example.com")
	var orders []sandbox.Order
	adminCall(t, server, get, "orders", "", http.StatusOK, &orders)
	require.Len(t, orders, 1)
	assert.Equal(t, o.ID, orders[0].ID)
	assert.Equal(t, sandbox.StateAwaitingValidation, orders[0].State)

	var shown sandbox.Order
	adminCall(t, server, post, "order/"+o.ID+"/approve?name=example.com", "", http.StatusOK, &shown)
	assert.Equal(t, sandbox.StateIssued, shown.State)
	adminCall(t, server, post, "order/"+o.ID+"/approve", "", http.StatusConflict, nil)
	adminCall(t, server, get, "order/"+o.ID, "", http.StatusOK, &shown)
	assert.NotEmpty(t, shown.Certificate().PEM)
	adminCall(t, server, get, "order/1", "", http.StatusNotFound, nil)

	o = place(t, engine, "two.example.com")
	adminCall(t, server, post, "order/"+o.ID+"/reject?reason=phishing", "", http.StatusOK, &shown)
	assert.Equal(t, "phishing", shown.Reason)
	o = place(t, engine, "three.example.com")
	adminCall(t, server, post, "order/"+o.ID+"/cancel", "", http.StatusOK, &shown)
	assert.Equal(t, sandbox.StateCancelled, shown.State)

	var entries []sandbox.Entry
	adminCall(t, server, get, "ledger", "", http.StatusOK, &entries)
	assert.Len(t, entries, 5)
	adminCall(t, server, get, "ledger?kind=refund&kind=cancel&account=sandbox", "", http.StatusOK, &entries)
	require.Len(t, entries, 2)
	assert.Equal(t, sandbox.Cents(-500), entries[1].Amount)
	adminCall(t, server, get, "ledger?account=nobody", "", http.StatusOK, &entries)
	assert.Empty(t, entries)
}

func TestAdminSettings(t *testing.T) {
	t.Parallel()
	engine, server := newAdmin(t)
	var accounts []map[string]string
	adminCall(t, server, post, "balance", `{"balance":"12.5"}`, http.StatusOK, nil)
	adminCall(t, server, get, "accounts", "", http.StatusOK, &accounts)
	assert.Equal(t, []map[string]string{{"name": "sandbox", "balance": "12.50", "currency": "USD"}}, accounts, "keys are not shown")
	adminCall(t, server, post, "balance", `{"account":"nobody","balance":"1"}`, http.StatusNotFound, nil)
	adminCall(t, server, post, "balance", `{}`, http.StatusBadRequest, nil)
	adminCall(t, server, post, "balance", `{"balance":"1.234"}`, http.StatusBadRequest, nil)
	adminCall(t, server, post, "balance", `nonsense`, http.StatusBadRequest, nil)

	token, err := engine.Login(sandbox.DefaultAccount)
	require.NoError(t, err)
	adminCall(t, server, post, "expire-tokens", "", http.StatusOK, nil)
	_, err = engine.Session(token)
	refused(t, err, sandbox.ErrToken)

	var health map[string]any
	adminCall(t, server, get, "healthz", "", http.StatusOK, &health)
	assert.Equal(t, true, health["ok"])
	place(t, engine, "example.com")
	adminCall(t, server, post, "reset", "", http.StatusOK, nil)
	assert.Empty(t, engine.Ledger())
	adminCall(t, server, get, "accounts", "", http.StatusOK, &accounts)
	assert.Equal(t, "10000.00", accounts[0]["balance"])
}

func TestAdminFaults(t *testing.T) {
	t.Parallel()
	_, server := newAdmin(t)
	var faults []sandbox.Fault
	adminCall(t, server, post, "faults", `{"kind":"slow","delay":"5m"}`, http.StatusOK, &faults)
	require.Len(t, faults, 1)
	adminCall(t, server, post, "faults", `[{"kind":"drop-after","op":"buy"},{"kind":"reject"}]`, http.StatusOK, &faults)
	require.Len(t, faults, 3)
	adminCall(t, server, post, "faults", `{"kind":"explode"}`, http.StatusBadRequest, nil)
	adminCall(t, server, post, "faults", `nonsense`, http.StatusBadRequest, nil)
	adminCall(t, server, get, "faults", "", http.StatusOK, &faults)
	require.Len(t, faults, 3)
	adminCall(t, server, http.MethodDelete, "faults", "", http.StatusOK, &faults)
	assert.Empty(t, faults)
}

func TestAdminRoot(t *testing.T) {
	t.Parallel()
	engine, server := newAdmin(t)
	request, err := http.NewRequestWithContext(t.Context(), get, server.URL+"/admin/ca", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, engine.CA().RootPEM(), string(text))
	root := parse(t, string(text))[0]
	assert.True(t, root.IsCA)
	require.NoError(t, root.CheckSignatureFrom(root))
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"5": "5.00", "5.2": "5.20", "0.07": "0.07", "-1.5": "-1.50"} {
		amount, err := sandbox.ParseCents(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, amount.String())
	}
	for _, text := range []string{"", "-", ".5", "1.234", "1,5", "five", "1e3", "99999999999999999999"} {
		_, err := sandbox.ParseCents(text)
		require.Error(t, err, text)
	}
}
