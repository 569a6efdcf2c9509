package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// AutoDNSOptions choose between readings of what the vendor leaves open.
type AutoDNSOptions struct {
	// PerSecond bounds the requests of a second over all accounts, as the vendor does
	// with 3 an address; 0 is no limit.
	PerSecond int
	// OldPaths serves the preparation only under the path of the vendor's guide,
	// certificate/prepareOrder, instead of that of its OpenAPI file.
	OldPaths bool
	// History keeps jobs that ended only in the history.
	History bool
	// NoPayable lets "expire" of a certificate tell the end of the paid term instead of
	// that of the certificate, and leaves "payable" out.
	NoPayable bool
}

// autoContext is SSL Manager, the client system of SSL accounts.
const autoContext = "9"

// AutoDNS is the SSL part of InterNetX's JSON API as its guide "Automation of
// certificate ordering" (https://help.internetx.com/display/APIPROCESSEN) and its
// OpenAPI file (https://github.com/InterNetX/domainrobot-api) describe it, under
// /v1/. An account logs in with HTTP Basic, its name and its key, and needs the
// header X-Domainrobot-Context: 9 and a User-Agent.
//
// Orders are worked off by jobs: POST /certificate answers the number of a job, and the
// certificate has another number, told by the job when it succeeded. Preparing
// makes a new token each time; an order must send one back that was prepared for its
// CSR. Assumptions, unconfirmed on a live account: the EF codes, what "object.data"
// of a job holds, that a renewal extends the certificate's own term, that jobs of
// reissues and renewals are called "reissue".
//
// It is stricter than the vendor in one point: unknown fields are refused.
type AutoDNS struct {
	engine  *Engine
	options AutoDNSOptions
	routes  []autoRoute

	mu        sync.Mutex
	salts     map[string]string // by token, of everything that was prepared
	contacts  []autoContact
	confirmed map[string]bool // messages, by job
	second    time.Time
	requests  int
}

// autoRoute is one operation.
type autoRoute struct {
	verb, pattern string
	name, class   string
	// task is the vendor's number of the operation, in the codes of its answers.
	task string
	do   func(*AutoDNS, autoCall) (autoReply, error)
}

// autoCall is one authenticated call.
type autoCall struct {
	Call
	account   string
	id        string // {id} of the path
	reference string // X-Domainrobot-Ctid
	body      []byte
}

// decode reads the body strictly.
func (c autoCall) decode(into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(c.body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse(ErrParameter, "the body cannot be read: %s", err)
	}
	if decoder.More() {
		return refuse(ErrParameter, "there is something behind the body")
	}
	return nil
}

// autoReply is what an operation answers.
type autoReply struct {
	// started is true if the answer is a notification that a job was started.
	started bool
	object  map[string]any
	data    []any
}

// autoRoutes is the vendor's table.
func autoRoutes(options AutoDNSOptions) []autoRoute {
	prepare := "certificate/_prepareOrder"
	if options.OldPaths {
		prepare = "certificate/prepareOrder"
	}
	return []autoRoute{
		{"GET", "hello", "Hello", ClassLogin, "00000", (*AutoDNS).hello},
		{"GET", "account", "AccountInfo", ClassBalance, "0984", (*AutoDNS).accountInfo},
		{"POST", "sslcontact", "SslContactCreate", ClassOther, "400201", (*AutoDNS).contactCreate},
		{"POST", "sslcontact/_search", "SslContactList", ClassOther, "400205", (*AutoDNS).contactList},
		{"GET", "sslcontact/{id}", "SslContactInfo", ClassOther, "400204", (*AutoDNS).contactInfo},
		{"POST", prepare, "CertificatePrepareOrder", ClassPrepare, "400110", (*AutoDNS).prepareOrder},
		{"POST", "certificate", "CertificateCreate", ClassBuy, "400101", (*AutoDNS).create},
		{"POST", "certificate/_search", "CertificateList", ClassList, "400105", (*AutoDNS).certificateList},
		{"GET", "certificate/{id}", "CertificateInfo", ClassChallenges, "400104", (*AutoDNS).certificateInfo},
		{"PUT", "certificate/{id}", "CertificateReissue", ClassReissue, "400102", (*AutoDNS).reissue},
		{"PUT", "certificate/{id}/_renew", "CertificateRenew", ClassRenew, "400106", (*AutoDNS).renew},
		{"DELETE", "certificate/{id}", "CertificateDelete", ClassCancel, "400103", (*AutoDNS).remove},
		{"POST", "certificate/{id}/_revoke", "CertificateRevoke", ClassRevoke, "4001031", (*AutoDNS).revoke},
		{"POST", "job/_search", "JobList", ClassList, "300115", (*AutoDNS).jobList},
		{"POST", "job/history/_search", "JobHistoryList", ClassList, "300116", (*AutoDNS).jobHistoryList},
		{"GET", "job/{id}", "JobInfo", ClassStatus, "300114", (*AutoDNS).jobInfo},
		{"GET", "job/history/{id}", "JobHistoryInfo", ClassStatus, "300117", (*AutoDNS).jobHistoryInfo},
		{"PUT", "job/{id}/_cancel", "JobCancel", ClassCancel, "300121", (*AutoDNS).jobCancel},
		{"PUT", "job/{id}/_resendApproverEmail", "JobResendApproverEmail", ClassResend, "300122", (*AutoDNS).jobResend},
		{"GET", "poll", "PollInfo", ClassOther, "0905", (*AutoDNS).pollInfo},
		{"PUT", "poll/{id}", "PollConfirm", ClassOther, "0906", (*AutoDNS).pollConfirm},
	}
}

// NewAutoDNS serves an engine in InterNetX's way.
func NewAutoDNS(engine *Engine, options AutoDNSOptions) *AutoDNS {
	return &AutoDNS{
		engine: engine, options: options, routes: autoRoutes(options),
		salts: map[string]string{}, confirmed: map[string]bool{},
	}
}

// Name is "autodns".
func (*AutoDNS) Name() string { return "autodns" }

// Operation goes by method and path.
func (a *AutoDNS) Operation(r *http.Request) Operation {
	route, _, ok := a.route(r)
	if !ok {
		return Operation{Class: ClassOther}
	}
	return Operation{Name: route.name, Class: route.class}
}

// route finds the operation and the id in the path. A pattern without {id} is preferred.
func (a *AutoDNS) route(r *http.Request) (autoRoute, string, bool) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok {
		return autoRoute{}, "", false
	}
	for _, route := range a.routes {
		if route.verb != r.Method {
			continue
		}
		before, after, open := strings.Cut(route.pattern, "{id}")
		if !open && path == route.pattern {
			return route, "", true
		}
		id, ok := strings.CutPrefix(path, before)
		if id, found := strings.CutSuffix(id, after); open && ok && found && isNumber(id) {
			return route, id, true
		}
	}
	return autoRoute{}, "", false
}

func isNumber(text string) bool { return digits.MatchString(text) }

// Serve does one call.
func (a *AutoDNS) Serve(w http.ResponseWriter, r *http.Request, call Call) {
	route, id, ok := a.route(r)
	switch {
	case !ok:
		http.Error(w, "<html><body><h1>HTTP Status 404</h1></body></html>", http.StatusNotFound)
		return
	case a.tooMany():
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	reply, err := a.serve(r, route, autoCall{Call: call, id: id, reference: r.Header.Get("X-Domainrobot-Ctid")})
	if err != nil {
		a.refuse(w, route.task, err)
		return
	}
	code, kind := "S"+route.task, "SUCCESS"
	if reply.started {
		code, kind = "N"+route.task, "NOTIFY"
	}
	answer := map[string]any{
		"stid":   autoSTID,
		"status": map[string]any{"code": code, "text": "The " + route.name + " was processed.", "type": kind},
		"data":   append([]any{}, reply.data...),
	}
	if reply.object != nil {
		answer["object"] = reply.object
	}
	if ctid := r.Header.Get("X-Domainrobot-Ctid"); ctid != "" {
		answer["ctid"] = ctid
	}
	writeAutoDNS(w, http.StatusOK, answer)
}

// autoSTID is the server's transaction number, always the same here.
const autoSTID = "20261201-sandbox-1"

// tooMany counts requests by the second of the engine's clock.
func (a *AutoDNS) tooMany() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.engine.cfg.Now().Truncate(time.Second); !now.Equal(a.second) {
		a.second, a.requests = now, 0
	}
	a.requests++
	return a.options.PerSecond > 0 && a.requests > a.options.PerSecond
}

func (a *AutoDNS) serve(r *http.Request, route autoRoute, call autoCall) (autoReply, error) {
	user, password, ok := r.BasicAuth()
	account, err := a.engine.Account(user)
	if !ok || err != nil || account.Key != password || r.Header.Get("X-Domainrobot-Context") != autoContext {
		return autoReply{}, refuse(ErrCredentials, "user, password or context is wrong")
	}
	if r.Header.Get("User-Agent") == "" {
		return autoReply{}, refuse(ErrParameter, "the header User-Agent is missing")
	}
	call.account = account.Name
	if call.body, err = readAll(r); err != nil {
		return autoReply{}, err
	}
	if len(call.body) > 0 && r.Header.Get("Content-Type") != "application/json" {
		return autoReply{}, refuse(ErrParameter, "the content type must be application/json")
	}
	return route.do(a, call)
}

// autoCodes are the EF codes of the simulated InterNetX. The vendor publishes no list; it
// uses no numbers from 900000 on.
var autoCodes = map[ErrorKind]string{
	ErrParameter: "EF900001", ErrCSR: "EF900002", ErrNames: "EF900003", ErrProduct: "EF900004",
	ErrMethod: "EF900005", ErrFunds: "EF900006", ErrNotFound: "EF900007", ErrState: "EF900008",
	ErrCredentials: "EF900009",
}

// refuse answers with the code of the task and, in the messages, that of the reason.
func (*AutoDNS) refuse(w http.ResponseWriter, task string, err error) {
	status, code := http.StatusInternalServerError, "EF900099"
	if refusal, ok := errors.AsType[*Error](err); ok {
		code, status = autoCodes[refusal.Kind], http.StatusBadRequest
		switch refusal.Kind {
		case ErrCredentials, ErrToken:
			status = http.StatusUnauthorized
		case ErrNotFound:
			status = http.StatusNotFound
		case ErrParameter, ErrCSR, ErrNames, ErrProduct, ErrMethod, ErrFunds, ErrState:
		}
	}
	writeAutoDNS(w, status, autoFailure("E"+task, code, err.Error()))
}

// WriteError answers with one code for both.
func (*AutoDNS) WriteError(w http.ResponseWriter, code, message string) {
	writeAutoDNS(w, http.StatusBadRequest, autoFailure(code, code, message))
}

func autoFailure(task, code, message string) map[string]any {
	return map[string]any{
		"stid":     autoSTID,
		"status":   map[string]any{"code": task, "text": "Der Auftrag wurde nicht ausgeführt.", "type": "ERROR"},
		"messages": []any{map[string]any{"code": code, "text": message, "status": "ERROR", "objects": []any{}}},
		"data":     []any{},
	}
}
