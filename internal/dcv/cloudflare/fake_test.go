package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	goodToken = "good-token-0123456789"
	readToken = "read-only-token-01234"
)

// api is a local Cloudflare: zones, records with the checks that the real API makes, its
// envelope, pages, and failures on demand.
type api struct {
	t       *testing.T
	pageMax int

	mu      sync.Mutex
	zones   []zone
	records map[string][]record // by zone id
	nextID  int
	calls   []string
	// fail answers a call itself where it returns true.
	fail func(w http.ResponseWriter, r *http.Request) bool
	// store changes a record before it is stored.
	store func(*record)
}

func newAPI(t *testing.T) (*api, *httptest.Server) {
	t.Helper()
	a := &api{t: t, pageMax: 100, records: map[string][]record{}}
	a.zones = []zone{
		{ID: "z1", Name: "example.com", Status: "active", Type: "full"},
		{ID: "z2", Name: "sub.example.com", Status: "active", Type: "full"},
		{ID: "z3", Name: "pending.example", Status: "pending", Type: "full"},
		{ID: "z4", Name: "twice.example", Status: "moved", Type: "full"},
		{ID: "z5", Name: "twice.example", Status: "active", Type: "full"},
		{ID: "z6", Name: "partial.example", Status: "active", Type: "partial"},
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, server
}

func (a *api) hook(server *httptest.Server, change func(*Config)) *Hook {
	a.t.Helper()
	c := Config{Token: dcv.NewSecret(goodToken), Client: server.Client(), Endpoint: server.URL + "/client/v4/"}
	if change != nil {
		change(&c)
	}
	h, err := New(c)
	require.NoError(a.t, err)
	return h
}

// put stores a record as a person would.
func (a *api) put(zoneID string, r record) record {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nextID++
	r.ID = fmt.Sprintf("r%d", a.nextID)
	a.records[zoneID] = append(a.records[zoneID], r)
	return r
}

// held are type, content, TTL and proxied of what is at a name.
func (a *api) held(name string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []string
	for _, records := range a.records {
		for _, r := range records {
			if r.Name == name {
				list = append(list, fmt.Sprint(r.Type, " ", r.Content, " ", r.TTL, " ", r.Proxied))
			}
		}
	}
	slices.Sort(list)
	return list
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, r.Method+" "+r.URL.Path)
	if a.fail != nil && a.fail(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !authenticated(w, r) {
		return
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/client/v4/"), "/")
	switch {
	case len(path) == 1 && path[0] == "zones" && r.Method == http.MethodGet:
		a.listZones(w, r)
	case len(path) >= 3 && path[0] == "zones" && path[2] == "dns_records":
		a.serveRecords(w, r, path[1], strings.Join(path[3:], ""))
	default:
		refuse(w, http.StatusNotFound, apiError{Code: 7000, Message: "No route for that URI"})
	}
}

// authenticated refuses what the real API refuses.
func authenticated(w http.ResponseWriter, r *http.Request) bool {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case len(token) < 10:
		refuse(w, http.StatusBadRequest, apiError{Code: 6003, Message: "Invalid request headers", Chain: []apiError{{Code: 6111, Message: "Invalid format for Authorization header"}}})
	case token != goodToken && token != readToken:
		refuse(w, http.StatusForbidden, apiError{Code: 9109, Message: "Invalid access token"})
	case token == readToken && r.Method != http.MethodGet:
		refuse(w, http.StatusForbidden, apiError{Code: 10000, Message: "Authentication error"})
	default:
		return true
	}
	return false
}

func (a *api) listZones(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	var found []zone
	for _, z := range a.zones {
		if name == "" || z.Name == name {
			found = append(found, z)
		}
	}
	page(w, r, found, 50)
}

func (a *api) serveRecords(w http.ResponseWriter, r *http.Request, zoneID, id string) {
	switch r.Method {
	case http.MethodGet:
		name := r.URL.Query().Get("name.exact")
		var found []record
		for _, rec := range a.records[zoneID] {
			if name == "" || rec.Name == name {
				found = append(found, rec)
			}
		}
		page(w, r, found, a.pageMax)
	case http.MethodPost:
		a.create(w, r, zoneID)
	case http.MethodDelete:
		i := slices.IndexFunc(a.records[zoneID], func(rec record) bool { return rec.ID == id })
		if i < 0 {
			refuse(w, http.StatusNotFound, apiError{Code: 81044, Message: "Record does not exist."})
			return
		}
		a.records[zoneID] = slices.Delete(a.records[zoneID], i, i+1)
		grant(w, map[string]string{"id": id}, nil)
	default:
		refuse(w, http.StatusMethodNotAllowed, apiError{Code: 10405, Message: "Method not allowed"})
	}
}

func (a *api) create(w http.ResponseWriter, r *http.Request, zoneID string) {
	var rec record
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&rec); {
	case err != nil, r.Header.Get("Content-Type") != "application/json":
		refuse(w, http.StatusBadRequest, apiError{Code: 9207, Message: "Request body is invalid."})
		return
	case rec.TTL != 1 && (rec.TTL < 60 || rec.TTL > 86400):
		refuse(w, http.StatusBadRequest, apiError{Code: 9021, Message: "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."})
		return
	case len(rec.Comment) > 100:
		refuse(w, http.StatusBadRequest, apiError{Code: 9213, Message: "DNS record comment exceeds the length limit"})
		return
	}
	for _, other := range a.records[zoneID] {
		if other.Name != rec.Name {
			continue
		}
		if other.Type == rec.Type && resolver.UnquoteTXT(other.Content) == resolver.UnquoteTXT(rec.Content) {
			refuse(w, http.StatusBadRequest, apiError{Code: 81058, Message: "An identical record already exists."})
			return
		}
		if rec.Type == "CNAME" {
			refuse(w, http.StatusBadRequest, apiError{Code: 81053, Message: "An A, AAAA, or CNAME record with that host already exists."})
			return
		}
		if other.Type == "CNAME" {
			refuse(w, http.StatusBadRequest, apiError{Code: 81054, Message: "A CNAME record with that host already exists."})
			return
		}
	}
	a.nextID++
	rec.ID = fmt.Sprintf("r%d", a.nextID)
	if a.store != nil {
		a.store(&rec)
	}
	a.records[zoneID] = append(a.records[zoneID], rec)
	grant(w, rec, nil)
}

// page answers with a part of a list, as per_page and page say.
func page[T any](w http.ResponseWriter, r *http.Request, list []T, largest int) {
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	number, size = max(number, 1), min(max(size, 5), largest)
	pages := (len(list) + size - 1) / size
	part := list[min((number-1)*size, len(list)):min(number*size, len(list))]
	if part == nil {
		part = []T{}
	}
	grant(w, part, map[string]int{"page": number, "per_page": size, "count": len(part), "total_count": len(list), "total_pages": pages})
}

func grant(w http.ResponseWriter, result, info any) {
	body := map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": result}
	if info != nil {
		body["result_info"] = info
	}
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, err apiError) {
	w.WriteHeader(status)
	answer := map[string]any{"code": err.Code, "message": err.Message}
	if len(err.Chain) > 0 {
		answer["error_chain"] = []map[string]any{{"code": err.Chain[0].Code, "message": err.Chain[0].Message}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "errors": []any{answer}, "messages": []any{}, "result": nil})
}

func request(t *testing.T, kind dcv.RecordType, name, value string) dcv.Request {
	t.Helper()
	r, err := dcv.NewRecord(kind, name, value)
	require.NoError(t, err)
	return dcv.Request{ID: "team/site-0123abcd", Record: r}
}

func notTerminal(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, class := range []error{dcv.ErrConflict, dcv.ErrDenied, dcv.ErrUnsupported} {
		assert.NotErrorIs(t, err, class)
	}
}
