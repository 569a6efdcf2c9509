package dnstest

import (
	"context"
	"strconv"
	"testing"

	"github.com/miekg/dns"
)

// Run is [Start] for a test: a failure is fatal, the server is stopped at the
// end, and its log is shown if the test has failed.
func Run(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of named at %s:\n%s", s.Addr(), s.LogTail())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// RunFakes starts one fake per handler on 127.0.0.1, 127.0.0.2 and so on, all
// on one port, as the name servers of a zone have.
func RunFakes(t testing.TB, handlers ...dns.HandlerFunc) []*Fake {
	t.Helper()
	for range 20 {
		if fakes := tryFakes(t, handlers); fakes != nil {
			return fakes
		}
	}
	t.Fatal("dnstest: no port is free on all loopback addresses")
	return nil
}

func tryFakes(t testing.TB, handlers []dns.HandlerFunc) []*Fake {
	t.Helper()
	var fakes []*Fake
	port := 0
	for i, h := range handlers {
		// The context only bounds listening.
		f, err := StartFake(context.WithoutCancel(t.Context()), "127.0.0."+strconv.Itoa(i+1), port, h)
		if err != nil {
			t.Log(err)
			return nil
		}
		t.Cleanup(func() { _ = f.Close() }) // nothing left to lose
		fakes = append(fakes, f)
		port = f.Port()
	}
	return fakes
}

// RunPair runs a primary on 127.0.0.1 and its secondary on 127.0.0.2 with the
// same port. The secondary lags until [Server.Transfer].
func RunPair(t testing.TB, zones []ZoneSpec) (primary, secondary *Server) {
	t.Helper()
	port := freePair(t)
	primary = Run(t, Options{Port: port, Zones: zones})
	secondary = Run(t, Options{Host: "127.0.0.2", Port: port, Zones: zones, PrimaryAddr: primary.Addr()})
	return primary, secondary
}

// freePair finds a port that is free on both addresses.
func freePair(t testing.TB) int {
	t.Helper()
	fakes := RunFakes(t, Silence, Silence)
	for _, f := range fakes {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fakes[0].Port()
}

// RunValidating runs a recursor in front of a server that validates the signed zones
// named, with the keys that they have.
func RunValidating(t testing.TB, server *Server, zones ...string) *Server {
	t.Helper()
	var anchors []string
	for _, zone := range zones {
		anchor, err := server.TrustAnchor(t.Context(), zone)
		if err != nil {
			t.Fatal(err)
		}
		anchors = append(anchors, anchor)
	}
	return Run(t, Options{ForwardTo: server.Addr(), TrustAnchors: anchors})
}
