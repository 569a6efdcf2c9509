package simulation

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// mutant lacks one safeguard. The zero value lacks none. Each function wraps what the controller
// gets in such a way that the safeguard has no effect.
type mutant struct {
	name string
	// client that the ledger writes with, and readers of ledger, orders and signer.
	client                  func(*world, client.Client) client.Client
	ledgerReads, reads, sig func(*world, client.Reader) client.Reader
	drivers                 func(*world, order.Driver) order.Driver
}

func (m mutant) ledgerClient(w *world, c client.Client) client.Client {
	if m.client == nil {
		return c
	}
	return m.client(w, c)
}

func wrap(w *world, r client.Reader, f func(*world, client.Reader) client.Reader) client.Reader {
	if f == nil {
		return r
	}
	return f(w, r)
}

func (m mutant) reader(w *world, r client.Reader) client.Reader       { return wrap(w, r, m.reads) }
func (m mutant) ledgerReader(w *world, r client.Reader) client.Reader { return wrap(w, r, m.ledgerReads) }
func (m mutant) signerReader(w *world, r client.Reader) client.Reader { return wrap(w, r, m.sig) }

func (m mutant) driver(w *world, d order.Driver) order.Driver {
	if m.drivers == nil {
		return d
	}
	return m.drivers(w, d)
}
