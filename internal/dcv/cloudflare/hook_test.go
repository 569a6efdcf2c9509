package cloudflare

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

func TestPresentAndCleanUp(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 30)
	tests := map[string]struct {
		req  dcv.Request
		held string
	}{
		"txt":            {request(t, dcv.TXT, "_dnsauth.example.com", "token"), `TXT "token" 60 false`},
		"txt at apex":    {request(t, dcv.TXT, "example.com", "token"), `TXT "token" 60 false`},
		"txt in subzone": {request(t, dcv.TXT, "_dnsauth.www.sub.example.com", "token"), `TXT "token" 60 false`},
		"quotes":         {request(t, dcv.TXT, "_q.example.com", `a "b" \c`), `TXT "a \"b\" \\c" 60 false`},
		"long txt":       {request(t, dcv.TXT, "_long.example.com", long), `TXT "` + long[:255] + `" "` + long[255:] + `" 60 false`},
		"cname":          {request(t, dcv.CNAME, "_abc.example.com", "abc.sectigo.com"), `CNAME abc.sectigo.com 60 false`},
		"cname with dot": {request(t, dcv.CNAME, "_abc.example.com", "abc.sectigo.com."), `CNAME abc.sectigo.com 60 false`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, server := newAPI(t)
			h := a.hook(server, nil)
			owner := strings.TrimSuffix(tt.req.Record.FQDN, ".")
			for range 2 {
				state, err := h.Present(t.Context(), tt.req)
				require.NoError(t, err)
				assert.Equal(t, dcv.State{Phase: dcv.Done}, state)
				assert.Equal(t, []string{tt.held}, a.held(owner))
			}
			for range 2 {
				require.NoError(t, h.CleanUp(t.Context(), tt.req))
				assert.Empty(t, a.held(owner))
			}
		})
	}
}

func TestNearestZoneIsChanged(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	h := a.hook(server, nil)
	for _, name := range []string{"_x.sub.example.com", "_x.other.example.com", "_x.twice.example"} {
		_, err := h.Present(t.Context(), request(t, dcv.TXT, name, "v"))
		require.NoError(t, err)
	}
	assert.Len(t, a.records["z1"], 1)
	assert.Len(t, a.records["z2"], 1)
	assert.Len(t, a.records["z5"], 1, "not the one that has moved away")
}

func TestOthersStay(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	a.put("z1", record{Type: "TXT", Name: "example.com", Content: "v=spf1 -all", TTL: 3600})
	a.put("z1", record{Type: "A", Name: "example.com", Content: "192.0.2.1", TTL: 1, Proxied: true})
	h := a.hook(server, nil)
	req := request(t, dcv.TXT, "example.com", "token")
	_, err := h.Present(t.Context(), req)
	require.NoError(t, err)
	others := []string{"A 192.0.2.1 1 true", "TXT v=spf1 -all 3600 false"}
	assert.ElementsMatch(t, append([]string{`TXT "token" 3600 false`}, others...), a.held("example.com"), "the set keeps its TTL")
	require.NoError(t, h.CleanUp(t.Context(), request(t, dcv.TXT, "example.com", "v=spf1")))
	require.NoError(t, h.CleanUp(t.Context(), req))
	assert.ElementsMatch(t, others, a.held("example.com"))
}

// TestWrittenByAPerson has the value in other forms: it is there, and it is removed.
func TestWrittenByAPerson(t *testing.T) {
	t.Parallel()
	for content, req := range map[string]dcv.Request{
		"token":           request(t, dcv.TXT, "_a.example.com", "token"),
		`"to" "ken"`:      request(t, dcv.TXT, "_a.example.com", "token"),
		`"\"quoted\""`:    request(t, dcv.TXT, "_a.example.com", `"quoted"`),
		`"quoted"`:        request(t, dcv.TXT, "_a.example.com", `"quoted"`), // either reading
		"ABC.Sectigo.com": request(t, dcv.CNAME, "_a.example.com", "abc.sectigo.com"),
	} {
		a, server := newAPI(t)
		a.put("z1", record{Type: string(req.Record.Type), Name: "_a.example.com", Content: content, TTL: 1})
		h := a.hook(server, nil)
		state, err := h.Present(t.Context(), req)
		require.NoError(t, err, content)
		assert.Equal(t, dcv.Done, state.Phase)
		assert.Len(t, a.held("_a.example.com"), 1, content)
		require.NoError(t, h.CleanUp(t.Context(), req))
		assert.Empty(t, a.held("_a.example.com"), content)
	}
}

func TestTerminalErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Config)
		req    dcv.Request
		want   error
		says   []string
	}{
		"cname over other cname": {nil, request(t, dcv.CNAME, "taken.example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{"taken.example.com.", `CNAME record with "elsewhere.example.net"`}},
		"txt over cname":         {nil, request(t, dcv.TXT, "taken.example.com", "v"), dcv.ErrConflict, []string{"elsewhere.example.net"}},
		"cname over address":     {nil, request(t, dcv.CNAME, "www.example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{`A record with "192.0.2.1"`}},
		"own cname, proxied":     {nil, request(t, dcv.CNAME, "proxied.example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{"DNS only"}},
		"cname at apex":          {nil, request(t, dcv.CNAME, "example.com", "abc.sectigo.com"), dcv.ErrUnsupported, []string{"apex"}},
		"no zone":                {nil, request(t, dcv.TXT, "_a.example.org", "v"), dcv.ErrDenied, []string{"sees no zone for _a.example.org", "Zone:Read"}},
		"pending zone":           {nil, request(t, dcv.TXT, "_a.pending.example", "v"), dcv.ErrUnsupported, []string{"zone pending.example is pending"}},
		"partial zone":           {nil, request(t, dcv.TXT, "_a.partial.example", "v"), dcv.ErrUnsupported, []string{"partial setup"}},
		"outside of zone":        {func(c *Config) { c.Zone = "example.com" }, request(t, dcv.TXT, "_a.badexample.com", "v"), dcv.ErrUnsupported, []string{"selector.dnsZones"}},
		"wrong token":            {func(c *Config) { c.Token = dcv.NewSecret("wrong-token-0123") }, request(t, dcv.TXT, "_a.example.com", "v"), dcv.ErrDenied, []string{"Invalid access token (9109)"}},
		"malformed token":        {func(c *Config) { c.Token = dcv.NewSecret("short") }, request(t, dcv.TXT, "_a.example.com", "v"), dcv.ErrDenied, []string{"Invalid format for Authorization header (6111)"}},
		"token may only read":    {func(c *Config) { c.Token = dcv.NewSecret(readToken) }, request(t, dcv.TXT, "_a.example.com", "v"), dcv.ErrDenied, []string{"DNS:Edit"}},
		"invalid record":         {nil, dcv.Request{Record: dcv.Record{FQDN: "a.example.com."}}, dcv.ErrUnsupported, nil},
		"refused by the API":     {nil, dcv.Request{Record: dcv.Record{Type: dcv.TXT, FQDN: "a.example.com.", Value: "v", TTL: 999 * time.Hour}}, dcv.ErrUnsupported, []string{"Invalid TTL"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, server := newAPI(t)
			a.put("z1", record{Type: "CNAME", Name: "taken.example.com", Content: "elsewhere.example.net", TTL: 1})
			a.put("z1", record{Type: "CNAME", Name: "proxied.example.com", Content: "abc.sectigo.com", TTL: 1, Proxied: true})
			a.put("z1", record{Type: "A", Name: "www.example.com", Content: "192.0.2.1", TTL: 1})
			before := fmt.Sprint(a.records)
			h := a.hook(server, tt.change)
			_, err := h.Present(t.Context(), tt.req)
			require.ErrorIs(t, err, tt.want)
			for _, text := range tt.says {
				require.ErrorContains(t, err, text)
			}
			assert.NotContains(t, err.Error(), h.config.Token.Reveal())
			assert.Equal(t, before, fmt.Sprint(a.records))
		})
	}
}

// TestRaces has a record appear between looking and creating.
func TestRaces(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		theirs record
		req    dcv.Request
		want   error
	}{
		"the same txt":   {record{Type: "TXT", Content: "v"}, request(t, dcv.TXT, "_a.example.com", "v"), nil},
		"the same cname": {record{Type: "CNAME", Content: "x.example.net"}, request(t, dcv.CNAME, "_a.example.com", "x.example.net"), nil},
		"another cname":  {record{Type: "CNAME", Content: "y.example.net"}, request(t, dcv.CNAME, "_a.example.com", "x.example.net"), dcv.ErrConflict},
		"cname for txt":  {record{Type: "CNAME", Content: "y.example.net"}, request(t, dcv.TXT, "_a.example.com", "v"), dcv.ErrConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, server := newAPI(t)
			a.fail = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && len(a.records["z1"]) == 0 {
					tt.theirs.Name, tt.theirs.ID = "_a.example.com", "theirs"
					a.records["z1"] = []record{tt.theirs}
				}
				return false
			}
			state, err := a.hook(server, nil).Present(t.Context(), tt.req)
			require.ErrorIs(t, err, tt.want)
			if tt.want == nil {
				assert.Equal(t, dcv.Done, state.Phase)
			}
			assert.Len(t, a.held("_a.example.com"), 1)
		})
	}
}

func TestExistsButNotListedIsPending(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	a.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		refuse(w, http.StatusBadRequest, apiError{Code: 81057, Message: "The record already exists."})
		return true
	}
	state, err := a.hook(server, nil).Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "v"))
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	assert.Contains(t, state.Message, "does not list it yet")
}

func TestStoredOtherwise(t *testing.T) {
	t.Parallel()
	for text, store := range map[string]func(*record){
		"proxied":        func(r *record) { r.Proxied = true },
		"another record": func(r *record) { r.Content = "something" },
	} {
		a, server := newAPI(t)
		a.store = store
		_, err := a.hook(server, nil).Present(t.Context(), request(t, dcv.CNAME, "_a.example.com", "x.example.net"))
		require.ErrorContains(t, err, text)
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	h := a.hook(server, nil)
	a.fail = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "137")
		refuse(w, http.StatusTooManyRequests, apiError{Code: 971, Message: "Please wait and consider throttling your request speed"})
		return true
	}
	req := request(t, dcv.TXT, "_a.example.com", "v")
	state, err := h.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	assert.Equal(t, 137*time.Second, state.RetryAfter)
	assert.Contains(t, state.Message, "limit of requests")
	err = h.CleanUp(t.Context(), req)
	notTerminal(t, err)
	require.ErrorContains(t, err, "2m17s")
}

func TestTransientErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"500": func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusInternalServerError, apiError{Code: 1, Message: "oops"})
			return true
		},
		"html": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>bad gateway</html>")
			return true
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"success":true,"result":[{"id":"z1","na`)
			return true
		},
		"other result": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"success":true,"result":{"id":"z1"}}`)
			return true
		},
		"success with a false": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"success":false,"errors":[]}`)
			return true
		},
		"lost": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"endless pages": func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "dns_records") {
				return false
			}
			grant(w, []record{{ID: "x", Name: "other.example.com"}}, map[string]int{"total_pages": 1000})
			return true
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, server := newAPI(t)
			a.fail = fail
			_, err := a.hook(server, nil).Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "v"))
			notTerminal(t, err)
			assert.NotContains(t, err.Error(), "html>")
		})
	}
}

// TestPages has our record on the last page.
func TestPages(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	a.pageMax = 5
	for i := range 12 {
		a.put("z1", record{Type: "TXT", Name: "example.com", Content: fmt.Sprint("v", i), TTL: 1})
	}
	h := a.hook(server, nil)
	req := request(t, dcv.TXT, "example.com", "v11")
	_, err := h.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Len(t, a.held("example.com"), 12, "it was found")
	require.NoError(t, h.CleanUp(t.Context(), req))
	assert.Len(t, a.held("example.com"), 11)
}

func TestManyNamesAtOnce(t *testing.T) {
	t.Parallel()
	const names = 200
	a, server := newAPI(t)
	h := a.hook(server, nil)
	call := func(f func(context.Context, dcv.Request) error) {
		errs := make(chan error, names)
		for i := range names {
			req := request(t, dcv.TXT, fmt.Sprintf("_n%d.example.com", i), "v")
			go func() { errs <- f(t.Context(), req) }()
		}
		for range names {
			require.NoError(t, <-errs)
		}
	}
	call(func(ctx context.Context, r dcv.Request) error {
		_, err := h.Present(ctx, r)
		return err
	})
	assert.Len(t, a.records["z1"], names)
	call(h.CleanUp)
	assert.Empty(t, a.records["z1"])
}

func TestProbe(t *testing.T) {
	t.Parallel()
	a, server := newAPI(t)
	require.NoError(t, a.hook(server, nil).Probe(t.Context()))
	require.NoError(t, a.hook(server, func(c *Config) { c.Zone = "Example.com." }).Probe(t.Context()))
	err := a.hook(server, func(c *Config) { c.Zone = "example.org" }).Probe(t.Context())
	require.ErrorIs(t, err, dcv.ErrDenied)
	require.ErrorContains(t, err, "zone example.org")
	require.ErrorIs(t, a.hook(server, func(c *Config) { c.Token = dcv.NewSecret("wrong-token-0123") }).Probe(t.Context()), dcv.ErrDenied)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*Config){
		"API token: want one": func(c *Config) { c.Token = dcv.Secret{} },
		"printable":           func(c *Config) { c.Token = dcv.NewSecret("tok\nen") },
		"zone":                func(c *Config) { c.Zone = "a..b" },
		`zone "*.a.example"`:  func(c *Config) { c.Zone = "*.a.example" },
		"endpoint":            func(c *Config) { c.Endpoint = "http://a b" },
		"HTTP client":         func(c *Config) { c.Client = nil },
	} {
		c := Config{Token: dcv.NewSecret(goodToken), Client: http.DefaultClient}
		change(&c)
		_, err := New(c)
		require.ErrorContains(t, err, says)
	}
	h, err := New(Config{Token: dcv.NewSecret(goodToken), Client: http.DefaultClient})
	require.NoError(t, err)
	assert.Equal(t, "https://api.cloudflare.com/client/v4", h.config.Endpoint)
	assert.Equal(t, dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true}, h.Capabilities())
	assert.NotContains(t, fmt.Sprintf("%v %+v", h.config, h), goodToken)
}

func FuzzRead(f *testing.F) {
	f.Add(200, `{"success":true,"result":[]}`)
	f.Add(403, `{"success":false,"errors":[{"code":9109,"message":"no","error_chain":[{"code":1}]}]}`)
	f.Add(200, `{"success":true,"result":null,"result_info":{"total_pages":"x"}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		h := &Hook{config: Config{Token: dcv.NewSecret(goodToken)}}
		answer, err := h.read(status, []byte(body))
		if err != nil {
			assert.NotContains(t, err.Error(), goodToken)
			return
		}
		assert.True(t, answer.Success)
	})
}
