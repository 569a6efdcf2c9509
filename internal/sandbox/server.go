package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Header is on every reply, so that nobody takes the sandbox for a real reseller.
const (
	Header      = "X-Reseller-Sandbox"
	HeaderValue = "not-a-live-account"
)

// IntermediatePath is where the intermediate can be fetched in DER, as AIA wants it.
const IntermediatePath = "/aia/intermediate.crt"

const maxBody = 1 << 20

// Operation names what a request asks for.
type Operation struct {
	// Name is the vendor's own, for example "add_ssl_order".
	Name string
	// Class is the same for all vendors: one of the Class constants.
	Class string
}

// The classes of operations, so that a test can fail "the purchase" at any vendor.
const (
	ClassLogin      = "login"
	ClassProducts   = "products"
	ClassPrice      = "price"
	ClassBalance    = "balance"
	ClassCheckCSR   = "check-csr"
	ClassPrepare    = "prepare"
	ClassBuy        = "buy"
	ClassEnrol      = "enrol"
	ClassReissue    = "reissue"
	ClassRenew      = "renew"
	ClassExtraNames = "extra-names"
	ClassChallenges = "challenges"
	ClassMethod     = "change-method"
	ClassResend     = "resend"
	ClassValidate   = "validate"
	ClassStatus     = "status"
	ClassList       = "list"
	ClassCancel     = "cancel"
	ClassRevoke     = "revoke"
	ClassOther      = "other"
)

// Call is one request on its way through a protocol.
type Call struct {
	Operation Operation
	// StatusWord, when set, is shown as every order's state.
	StatusWord string
}

// Protocol is a vendor's wire protocol on top of an Engine. It must be safe for
// concurrent use.
type Protocol interface {
	// Name is the first path segment under which the protocol is served.
	Name() string
	// Operation names what a request asks for; it may read the body, which is
	// restored afterwards.
	Operation(r *http.Request) Operation
	// Serve does the call and answers it.
	Serve(w http.ResponseWriter, r *http.Request, call Call)
	// WriteError answers with an error in the vendor's form.
	WriteError(w http.ResponseWriter, code, message string)
}

// Server serves protocols over HTTP: each under /NAME/, the first one at the root too.
// A connection is dropped by panicking with http.ErrAbortHandler, which net/http
// and RoundTripper understand.
type Server struct {
	engine    *Engine
	protocols []Protocol
	log       *slog.Logger
}

// NewServer serves at least one protocol on an engine. A nil logger is silent.
func NewServer(engine *Engine, log *slog.Logger, protocols ...Protocol) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{engine: engine, protocols: protocols, log: log}
}

// ServeHTTP does one call, with the faults that are due.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(Header, HeaderValue)
	if r.URL.Path == IntermediatePath {
		w.Header().Set("Content-Type", "application/pkix-cert")
		s.write(w, http.StatusOK, s.engine.CA().Intermediate().Raw)
		return
	}
	protocol, r := s.route(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request body cannot be read", http.StatusBadRequest)
		return
	}
	rewind(r, body)
	operation := protocol.Operation(r)
	rewind(r, body)
	started := time.Now()
	reply, err := s.call(protocol, r, operation)
	if err != nil {
		s.log.InfoContext(r.Context(), "call", "protocol", protocol.Name(), "operation", operation.Name, "fault", err.Error())
		panic(http.ErrAbortHandler)
	}
	s.log.InfoContext(r.Context(), "call", "protocol", protocol.Name(), "operation", operation.Name,
		"status", reply.status, "duration", time.Since(started))
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	s.write(w, reply.status, reply.body.Bytes())
}

func (s *Server) write(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("the client has gone", "error", err.Error())
	}
}

// route finds the protocol of a request and takes its name off the path.
func (s *Server) route(r *http.Request) (Protocol, *http.Request) {
	routed := r.Clone(r.Context())
	for _, protocol := range s.protocols {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/"+protocol.Name()+"/"); ok {
			routed.URL.Path, routed.URL.RawPath = "/"+rest, ""
			return protocol, routed
		}
	}
	return s.protocols[0], routed
}

func rewind(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
}

// errDropped makes ServeHTTP close the connection.
var errDropped = errors.New("sandbox: connection dropped")

// call runs a protocol between the faults. Its order is: wait, expire sessions, fail
// without effect, do the call, wait, fail after the effect.
func (s *Server) call(protocol Protocol, r *http.Request, operation Operation) (*reply, error) {
	struck := s.engine.takeCallFaults(operation)
	if err := s.delay(r, struck, false); err != nil {
		return nil, err
	}
	if _, ok := struck[FaultExpireTokens]; ok {
		s.engine.ExpireTokens()
	}
	if _, ok := struck[FaultDropBefore]; ok {
		return nil, fmt.Errorf("%w before the effect", errDropped)
	}
	if failed := failure(protocol, struck, false); failed != nil {
		return failed, nil
	}
	done := newReply()
	protocol.Serve(done, r, Call{Operation: operation, StatusWord: struck[FaultStatusWord].Word})
	if err := s.delay(r, struck, true); err != nil {
		return nil, err
	}
	if _, ok := struck[FaultDropAfter]; ok {
		return nil, fmt.Errorf("%w after the effect", errDropped)
	}
	if failed := failure(protocol, struck, true); failed != nil {
		return failed, nil
	}
	if _, ok := struck[FaultTruncate]; ok {
		done.body.Truncate(done.body.Len() / 2)
	}
	return done, nil
}

func (s *Server) delay(r *http.Request, struck map[FaultKind]Fault, after bool) error {
	fault, ok := struck[FaultDelay]
	if !ok || fault.AfterEffect != after {
		return nil
	}
	if err := s.engine.cfg.Sleep(r.Context(), fault.Delay); err != nil {
		return fmt.Errorf("%w while waiting", errDropped)
	}
	return nil
}

// htmlPage is what a proxy in front of a broken API answers.
const htmlPage = "<html>\r\n<head><title>%[1]d %[2]s</title></head>\r\n" +
	"<body><center><h1>%[1]d %[2]s</h1></center><hr><center>nginx</center></body>\r\n</html>\r\n"

// failure is the error reply that the faults want before or after the effect, or nil.
func failure(protocol Protocol, struck map[FaultKind]Fault, after bool) *reply {
	if fault, ok := struck[FaultThrottle]; ok && fault.AfterEffect == after {
		failed := newReply()
		failed.header.Set("Retry-After", strconv.Itoa(int(fault.RetryAfter.Seconds())))
		return failed.html(http.StatusTooManyRequests)
	}
	if fault, ok := struck[FaultStatus]; ok && fault.AfterEffect == after {
		status := fault.Status
		if status < 200 || status > 599 {
			status = http.StatusBadGateway
		}
		return newReply().html(status)
	}
	if fault, ok := struck[FaultError]; ok && fault.AfterEffect == after {
		failed := newReply()
		protocol.WriteError(failed, fault.Code, fault.Message)
		return failed
	}
	return nil
}

// reply is an answer that isn't sent yet.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newReply() *reply { return &reply{header: http.Header{}, status: http.StatusOK} }

// Header is the header to be sent.
func (r *reply) Header() http.Header { return r.header }

// WriteHeader sets the status.
func (r *reply) WriteHeader(status int) { r.status = status }

// Write keeps a part of the body.
func (r *reply) Write(part []byte) (int, error) { return r.body.Write(part) }

func (r *reply) html(status int) *reply {
	r.status = status
	r.header.Set("Content-Type", "text/html")
	fmt.Fprintf(&r.body, htmlPage, status, http.StatusText(status))
	return r
}
