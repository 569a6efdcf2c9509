package sandbox_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// nameServer is a DNS server on a loopback port, over UDP and TCP.
type nameServer struct {
	address  string
	truncate bool

	mu      sync.Mutex
	records []dns.RR
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	s := &nameServer{}
	packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = packets.LocalAddr().String()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", s.address)
	require.NoError(t, err)
	for _, server := range []*dns.Server{
		{PacketConn: packets, Handler: s}, {Listener: listener, Handler: s, Net: "tcp"},
	} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { assert.NoError(t, server.Shutdown()) })
	}
	return s
}

func (s *nameServer) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(query)
	s.mu.Lock()
	defer s.mu.Unlock()
	question := query.Question[0]
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && s.truncate {
		reply.Truncated = true
		_ = w.WriteMsg(reply)
		return
	}
	reply.Rcode = dns.RcodeNameError
	for _, record := range s.records {
		if strings.EqualFold(record.Header().Name, question.Name) && record.Header().Rrtype == question.Qtype {
			reply.Rcode = dns.RcodeSuccess
			reply.Answer = append(reply.Answer, record)
		}
	}
	_ = w.WriteMsg(reply)
}

func (s *nameServer) add(t *testing.T, line string) {
	t.Helper()
	record, err := dns.NewRR(line)
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, record)
}

func TestValidationByCNAME(t *testing.T) {
	t.Parallel()
	server := newNameServer(t)
	validator, err := sandbox.NewNetworkValidator(server.address, "")
	require.NoError(t, err)
	engine, clock := newEngine(t, sandbox.Config{Validator: validator, ValidationInterval: time.Minute})
	o := place(t, engine, "example.com")
	challenge := o.Current().Domains[0].Challenge
	server.add(t, challenge.RecordName+" 60 IN CNAME wrong.sectigo.com.")

	engine.Tick(t.Context())
	o, err = engine.Order("", o.ID)
	require.NoError(t, err)
	require.Equal(t, sandbox.StateAwaitingValidation, o.State)
	assert.Contains(t, o.Current().Domains[0].LastError, "no matching CNAME record at "+challenge.RecordName)

	server.mu.Lock()
	server.records = nil
	server.mu.Unlock()
	server.add(t, strings.ToLower(challenge.RecordName)+" 60 IN CNAME "+strings.ToUpper(challenge.RecordValue))
	engine.Tick(t.Context())
	o, err = engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateAwaitingValidation, o.State, "the CA looks again after a minute only")

	clock.Advance(time.Minute)
	engine.Tick(t.Context())
	o, err = engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State)
	assert.Empty(t, o.Current().Domains[0].LastError)
}

func TestValidationByTXTOverTCP(t *testing.T) {
	t.Parallel()
	server := newNameServer(t)
	server.truncate = true
	validator, err := sandbox.NewNetworkValidator(server.address, "")
	require.NoError(t, err)
	products := sandbox.DefaultProducts()
	products[0].TXT = true
	engine, _ := newEngine(t, sandbox.Config{Validator: validator, Products: products})
	o := place(t, engine, "example.com")
	challenge := o.Current().Domains[0].Challenge
	assert.Equal(t, "_dnsauth.example.com.", challenge.RecordName)
	value := challenge.RecordValue
	server.add(t, challenge.RecordName+` 60 IN TXT "v=other"`)
	server.add(t, challenge.RecordName+` 60 IN TXT "`+value[:10]+`" "`+value[10:]+`"`)
	engine.Tick(t.Context())
	o, err = engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State, o.Current().Domains[0].LastError)
}

func TestRevalidateLooksAtOnce(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, _ := newEngine(t, sandbox.Config{Validator: zone})
	o := place(t, engine, "example.com")
	engine.Tick(t.Context())
	engine.Tick(t.Context())
	assert.Equal(t, 1, zone.looks)
	zone.publishOrder(o)
	require.NoError(t, engine.Revalidate(o.Account, o.ID, "example.com"))
	refused(t, engine.Revalidate(o.Account, o.ID, "other.example.com"), sandbox.ErrNotFound)
	engine.Tick(t.Context())
	o, err := engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State)
	assert.Equal(t, 2, zone.looks)
}

func TestValidationByFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method  sandbox.Method
		serve   func(sandbox.Challenge, http.ResponseWriter)
		problem string
	}{
		"http":  {sandbox.MethodHTTP, func(c sandbox.Challenge, w http.ResponseWriter) { _, _ = w.Write([]byte(c.FileBody)) }, ""},
		"https": {sandbox.MethodHTTPS, func(c sandbox.Challenge, w http.ResponseWriter) { _, _ = w.Write([]byte(c.FileBody)) }, ""},
		"CRLF": {sandbox.MethodHTTP, func(c sandbox.Challenge, w http.ResponseWriter) {
			_, _ = w.Write([]byte(strings.ReplaceAll(c.FileBody, "\n", "\r\n") + "\r\n"))
		}, ""},
		"missing": {sandbox.MethodHTTP, func(_ sandbox.Challenge, w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, "answers 404"},
		"redirect": {sandbox.MethodHTTP, func(_ sandbox.Challenge, w http.ResponseWriter) {
			w.Header().Set("Location", "/x")
			w.WriteHeader(http.StatusFound)
		}, "answers 302"},
		"other": {sandbox.MethodHTTP, func(_ sandbox.Challenge, w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }, "other content"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var challenge sandbox.Challenge
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if assert.Equal(t, "example.com", r.Host) && assert.Equal(t, challenge.FilePath, r.URL.Path) {
					test.serve(challenge, w)
				}
			})
			web := httptest.NewUnstartedServer(handler)
			if test.method == sandbox.MethodHTTPS {
				web.StartTLS()
			} else {
				web.Start()
			}
			defer web.Close()
			validator, err := sandbox.NewNetworkValidator("127.0.0.1:1", web.Listener.Addr().String())
			require.NoError(t, err)
			engine, _ := newEngine(t, sandbox.Config{Validator: validator})
			req := request(t, "example.com")
			req.Method = test.method
			o, err := engine.Place(req)
			require.NoError(t, err)
			challenge = o.Current().Domains[0].Challenge
			engine.Tick(t.Context())
			o, err = engine.Order("", o.ID)
			require.NoError(t, err)
			if test.problem == "" {
				assert.Equal(t, sandbox.StateIssued, o.State, o.Current().Domains[0].LastError)
				return
			}
			assert.Equal(t, sandbox.StateAwaitingValidation, o.State)
			assert.Contains(t, o.Current().Domains[0].LastError, test.problem)
		})
	}
}

func TestUnreachableServersAreNoProof(t *testing.T) {
	t.Parallel()
	validator, err := sandbox.NewNetworkValidator("127.0.0.1:1", "127.0.0.1:1")
	require.NoError(t, err)
	engine, _ := newEngine(t, sandbox.Config{Validator: validator})
	for _, method := range []sandbox.Method{sandbox.MethodDNS, sandbox.MethodHTTP} {
		req := request(t, string(method)+".example.com")
		req.Method = method
		_, err := engine.Place(req)
		require.NoError(t, err)
	}
	engine.Tick(t.Context())
	for _, o := range engine.Orders("") {
		assert.Equal(t, sandbox.StateAwaitingValidation, o.State)
		assert.NotEmpty(t, o.Current().Domains[0].LastError)
	}
}

func TestEmailWaitsForApproval(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{Validator: neverValid})
	req := request(t, "example.com")
	req.Product, req.Names = "19", []string{"a.example.com"}
	req.Method, req.Emails = sandbox.MethodEmail, []string{"admin@a.example.com", "Webmaster@example.com"}
	o, err := engine.Place(req)
	require.NoError(t, err)
	assert.Equal(t, "webmaster@example.com", o.Current().Domains[0].Email)
	engine.Tick(t.Context())
	_, err = engine.Approve(o.ID, "b.example.com")
	refused(t, err, sandbox.ErrNotFound)
	o, err = engine.Approve(o.ID, "example.com")
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateAwaitingValidation, o.State)
	o, err = engine.Approve(o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State)
	_, err = engine.Approve(o.ID)
	refused(t, err, sandbox.ErrState)
}

func TestChangeOfMethod(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, _ := newEngine(t, sandbox.Config{Validator: zone})
	req := request(t, "example.com")
	req.Method, req.Emails = sandbox.MethodEmail, []string{"admin@example.com"}
	o, err := engine.Place(req)
	require.NoError(t, err)
	zone.publishOrder(o)
	engine.Tick(t.Context())
	assert.Zero(t, zone.looks, "an e-mail order is not looked up")
	_, err = engine.ChangeMethod(o.Account, o.ID, "example.com", sandbox.MethodEmail, "me@example.com")
	refused(t, err, sandbox.ErrMethod)
	_, err = engine.ChangeMethod(o.Account, o.ID, "example.com", sandbox.MethodDNS, "")
	require.NoError(t, err)
	engine.Tick(t.Context())
	o, err = engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State)
	_, err = engine.ChangeMethod(o.Account, o.ID, "example.com", sandbox.MethodHTTP, "")
	refused(t, err, sandbox.ErrState)
}

func TestWildcardChallenge(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{Validator: neverValid})
	req := request(t, "*.example.com")
	req.Product = "18"
	o, err := engine.Place(req)
	require.NoError(t, err)
	challenge := o.Current().Domains[0].Challenge
	assert.Regexp(t, `^_[0-9A-F]{32}\.example\.com\.$`, challenge.RecordName)
	assert.Regexp(t, `^[0-9a-f]{32}\.[0-9a-f]{32}\.s[0-9a-f]{15}\.sectigo\.com\.$`, challenge.RecordValue)
	assert.Empty(t, challenge.FileName)
	req = request(t, "*.example.com")
	req.Product, req.Method = "18", sandbox.MethodHTTP
	_, err = engine.Place(req)
	refused(t, err, sandbox.ErrMethod)
}
