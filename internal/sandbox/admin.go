package sandbox

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
)

// AdminPrefix is the path prefix of the admin API.
const AdminPrefix = "/admin/"

// AdminHandler serves the admin API (see the package comment) under AdminPrefix. It has no
// authentication: whoever reaches it rules the simulation.
func AdminHandler(engine *Engine, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &admin{engine: engine, log: log}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"GET /admin/healthz":             a.healthz,
		"GET /admin/ledger":              a.ledger,
		"GET /admin/orders":              a.orders,
		"GET /admin/order/{id}":          a.order,
		"POST /admin/order/{id}/approve": a.approve,
		"POST /admin/order/{id}/reject":  a.reject,
		"POST /admin/order/{id}/cancel":  a.cancel,
		"GET /admin/accounts":            a.accounts,
		"POST /admin/balance":            a.balance,
		"GET /admin/faults":              a.faults,
		"POST /admin/faults":             a.inject,
		"DELETE /admin/faults":           a.clearFaults,
		"POST /admin/expire-tokens":      a.expireTokens,
		"POST /admin/reset":              a.reset,
	} {
		mux.Handle(pattern, a.json(handle))
	}
	mux.HandleFunc("GET /admin/ca", a.ca)
	return mux
}

type admin struct {
	engine *Engine
	log    *slog.Logger
}

// json turns a function into a handler: its result is the body, its error a
// {"error": …} with status 400, 404 or 409.
func (a *admin) json(handle func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status := http.StatusOK
		result, err := handle(r)
		if err != nil {
			status, result = adminStatus(err), map[string]string{"error": err.Error()}
		}
		a.log.InfoContext(r.Context(), "admin", "request", r.Method+" "+r.URL.Path, "status", status)
		w.Header().Set(Header, HeaderValue)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(result); err != nil {
			a.log.DebugContext(r.Context(), "the client has gone", "error", err.Error())
		}
	})
}

func adminStatus(err error) int {
	refusal, ok := errors.AsType[*Error](err)
	switch {
	case ok && refusal.Kind == ErrNotFound:
		return http.StatusNotFound
	case ok && refusal.Kind == ErrState:
		return http.StatusConflict
	default:
		return http.StatusBadRequest
	}
}

func (a *admin) healthz(*http.Request) (any, error) {
	return map[string]any{"ok": true, "sandbox": HeaderValue}, nil
}

func (a *admin) ledger(r *http.Request) (any, error) {
	var kinds []EntryKind
	for _, kind := range r.URL.Query()["kind"] {
		kinds = append(kinds, EntryKind(kind))
	}
	entries := a.engine.Ledger(kinds...)
	if account := r.URL.Query().Get("account"); account != "" {
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Account != account })
	}
	return entries, nil
}

func (a *admin) orders(*http.Request) (any, error) { return a.engine.Orders(""), nil }

func (a *admin) order(r *http.Request) (any, error) {
	return a.engine.Order("", r.PathValue("id"))
}

// approve takes the names in the query parameter "name", or all.
func (a *admin) approve(r *http.Request) (any, error) {
	return a.engine.Approve(r.PathValue("id"), r.URL.Query()["name"]...)
}

func (a *admin) reject(r *http.Request) (any, error) {
	return a.engine.Reject(r.PathValue("id"), reason(r))
}

func (a *admin) cancel(r *http.Request) (any, error) {
	return a.engine.Cancel("", r.PathValue("id"), reason(r))
}

func reason(r *http.Request) string {
	if given := r.URL.Query().Get("reason"); given != "" {
		return given
	}
	return "by the operator of the sandbox"
}

func (a *admin) accounts(*http.Request) (any, error) {
	accounts := []Account{}
	for _, configured := range a.engine.cfg.Accounts {
		account, err := a.engine.Account(configured.Name)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, account)
	}
	return accounts, nil
}

func (a *admin) balance(r *http.Request) (any, error) {
	var wanted struct {
		Account string `json:"account"`
		Balance *Cents `json:"balance"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		return nil, err
	}
	if wanted.Balance == nil {
		return nil, refuse(ErrParameter, "no balance is given")
	}
	if wanted.Account == "" {
		wanted.Account = a.engine.cfg.Accounts[0].Name
	}
	if err := a.engine.SetBalance(wanted.Account, *wanted.Balance); err != nil {
		return nil, err
	}
	return a.engine.Account(wanted.Account)
}

func (a *admin) faults(*http.Request) (any, error) { return a.engine.Faults(), nil }

// inject takes one fault or a list.
func (a *admin) inject(r *http.Request) (any, error) {
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	var faults []Fault
	if err := json.Unmarshal(body, &faults); err != nil {
		var single Fault
		if err := json.Unmarshal(body, &single); err != nil {
			return nil, err
		}
		faults = []Fault{single}
	}
	if err := a.engine.Inject(faults...); err != nil {
		return nil, err
	}
	return a.engine.Faults(), nil
}

func (a *admin) clearFaults(*http.Request) (any, error) {
	a.engine.ClearFaults()
	return a.engine.Faults(), nil
}

func (a *admin) expireTokens(*http.Request) (any, error) {
	a.engine.ExpireTokens()
	return map[string]bool{"ok": true}, nil
}

func (a *admin) reset(*http.Request) (any, error) {
	a.engine.Reset()
	return map[string]bool{"ok": true}, nil
}

func (a *admin) ca(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(Header, HeaderValue)
	w.Header().Set("Content-Type", "application/x-pem-file")
	if _, err := w.Write([]byte(a.engine.CA().RootPEM())); err != nil {
		a.log.DebugContext(r.Context(), "the client has gone", "error", err.Error())
	}
}
