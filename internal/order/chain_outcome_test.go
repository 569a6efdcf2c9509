package order

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// deliveries are odd chains, for what they are waited, and what is said.
var deliveries = map[string]struct {
	deliver func(*world) func(*resellerOrder) [][]byte
	reason  Reason
	says    string
}{
	"nothing yet": {
		func(*world) func(*resellerOrder) [][]byte { return func(*resellerOrder) [][]byte { return nil } },
		ReasonAwaitingCertificate, "no certificate yet",
	},
	"an empty answer": {
		func(*world) func(*resellerOrder) [][]byte {
			return func(*resellerOrder) [][]byte { return [][]byte{[]byte(" ")} }
		},
		ReasonAwaitingCertificate, "no certificate yet",
	},
	"the intermediate alone": {
		func(*world) func(*resellerOrder) [][]byte {
			return func(*resellerOrder) [][]byte { return [][]byte{ca().pem} }
		},
		ReasonAwaitingCertificate, "no certificate yet",
	},
	"somebody else's": {
		func(w *world) func(*resellerOrder) [][]byte {
			return func(*resellerOrder) [][]byte {
				return [][]byte{leafFor(csrPEM(w.t, keyB, testNames...), 99, w.clock.Now()), ca().pem}
			}
		},
		ReasonChainRefused, "certificate 63",
	},
	"valid soon": {
		func(w *world) func(*resellerOrder) [][]byte {
			return issued(w.reseller, func(c *x509.Certificate) { c.NotBefore = w.clock.Now().Add(9 * time.Minute) })
		},
		ReasonAwaitingCertificate, "valid from",
	},
	"valid tomorrow": {
		func(w *world) func(*resellerOrder) [][]byte {
			return issued(w.reseller, func(c *x509.Certificate) { c.NotBefore = w.clock.Now().Add(testDay) })
		},
		ReasonChainRefused, "certificate 64",
	},
	"expired": {
		func(w *world) func(*resellerOrder) [][]byte {
			return issued(w.reseller, func(c *x509.Certificate) { c.NotAfter = w.clock.Now().Add(-time.Minute) })
		},
		ReasonChainRefused, "certificate 64",
	},
	"a name is missing": {
		func(w *world) func(*resellerOrder) [][]byte {
			return issued(w.reseller, func(c *x509.Certificate) { c.DNSNames = testNames[:1] })
		},
		ReasonChainRefused, "www.example.com",
	},
	"for clients": {
		func(w *world) func(*resellerOrder) [][]byte {
			return issued(w.reseller, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
		},
		ReasonChainRefused, "certificate 64",
	},
	"leaf only": {
		func(w *world) func(*resellerOrder) [][]byte {
			return func(o *resellerOrder) [][]byte { return [][]byte{leafFor(o.csr, o.serial, w.clock.Now())} }
		},
		ReasonAwaitingCertificate, "spec.intermediates.pem",
	},
	"garbage": {
		func(*world) func(*resellerOrder) [][]byte {
			return func(*resellerOrder) [][]byte { return [][]byte{[]byte("<html>")} }
		},
		ReasonChainRefused, "no certificate that can be read",
	},
}

// What is delivered, and what becomes of it before and after it is mended.
func TestDeliveredChains(t *testing.T) {
	t.Parallel()
	for name, tc := range deliveries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reseller.deliver = tc.deliver(w)
			w.ask("web-1", keyA)
			w.untilWaiting(tc.reason)
			status := w.order().Status
			assert.Contains(t, status.Message, tc.says)
			assert.Nil(t, status.Certificate, "nothing of it is handed over")
			assert.Equal(t, tc.reason == ReasonChainRefused, status.State == v1alpha1.OrderHeld)
			w.reseller.deliver = nil
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 1, w.reseller.paidOrders())
		})
	}
}

func TestIntermediatesOfTheIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.deliver = func(o *resellerOrder) [][]byte { return [][]byte{leafFor(o.csr, o.serial, w.clock.Now())} }
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingCertificate)
	w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) {
		s.Intermediates = &v1alpha1.Intermediates{PEM: string(ca().pem)}
	})
	w.untilState(v1alpha1.OrderIssued)
}

func TestEmptyPartsAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.deliver = func(o *resellerOrder) [][]byte {
		return [][]byte{nil, leafFor(o.csr, o.serial, w.clock.Now()), []byte("\n"), ca().pem}
	}
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
}

func TestUnreadableIntermediatesOfTheIssuer(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"garbage", " "} {
		w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.Intermediates = &v1alpha1.Intermediates{PEM: text} }))
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonChainRefused)
		assert.Contains(t, w.order().Status.Message, "correct the issuer's spec.intermediates.pem")
	}
}

// While a reissue runs the reseller delivers the certificate before it.
func TestEarlierCertificateDuringReissue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.clock.advance(100 * testDay)
	first := w.reseller.orders[0].csr
	w.reseller.deliver = func(*resellerOrder) [][]byte { return [][]byte{leafFor(first, 100, testNow), ca().pem} }
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonAwaitingCertificate)
	assert.Contains(t, w.order().Status.Message, "earlier key")
	assert.NotEqual(t, v1alpha1.OrderHeld, w.state())
	w.reseller.deliver = nil
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

func TestIssuingIsPolled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssuing })
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssuing)
	assert.Equal(t, ReasonAwaitingCertificate, w.waitsFor())
	before := w.reseller.count("order")
	w.run(testDay)
	polls := w.reseller.count("order") - before
	assert.Greater(t, polls, 100)
	assert.Less(t, polls, 500, "polling becomes rare")
	since := w.order().Status.Waiting.Since
	w.run(time.Hour)
	assert.Equal(t, since, w.order().Status.Waiting.Since, "the time since which it waits stays")
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.untilState(v1alpha1.OrderIssued)
}

func TestOrderOfAnotherCSRIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.reseller.change(func(o *resellerOrder) { o.csr, o.state = csrPEM(t, keyB, testNames...), providers.StateIssued })
	w.zone.invisible = false
	w.untilWaiting(ReasonOrderMismatch)
	assert.Contains(t, w.order().Status.Message, "spec.orderIDs")
	w.run(3 * time.Hour)
	assert.Nil(t, w.order().Status.Certificate)
	assert.Equal(t, 1, w.reseller.count("buy"))
}
