package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"time"
)

// advance lets the time up to now have its effect on an order. The caller holds the
// lock.
func (e *Engine) advance(o *Order, now time.Time) {
	if o.State == StateAwaitingValidation {
		e.advanceValidation(o, now)
	}
	if o.State == StateIssuing {
		e.advanceIssuing(o, now)
	}
	if (o.open() || o.State == StateIssued || o.State == StateUnconfigured) && !now.Before(o.PaidUntil) {
		o.State = StateExpired
	}
}

func (e *Engine) advanceValidation(o *Order, now time.Time) {
	current := o.Current()
	if e.cfg.Validator == nil {
		for _, domain := range current.Domains {
			e.markValidated(o, domain, now)
		}
	}
	if current.validated() {
		current.IssueAt = now.Add(e.cfg.IssueDelay + current.fate.slow)
		o.State = StateIssuing
	}
}

func (e *Engine) markValidated(o *Order, domain *Domain, now time.Time) {
	if domain.ValidatedAt.IsZero() {
		domain.ValidatedAt, domain.LastError = now, ""
		e.validated[validationKey(o.Account, domain.Name)] = now
	}
}

// advanceIssuing issues what is due, dated when it was due and not when somebody
// looked.
func (e *Engine) advanceIssuing(o *Order, now time.Time) {
	current := o.Current()
	if now.Before(current.IssueAt) || !current.IssueAt.Before(o.PaidUntil) {
		return
	}
	if current.fate.end != "" {
		o.State, o.Reason = current.fate.end, "the CA ended the order"
		return
	}
	certificate, err := e.issue(o, current)
	if err != nil {
		o.State, o.Reason = StateRejected, err.Error()
		return
	}
	current.Certificate = certificate
	o.State, o.hideReissue = StateIssued, false
}

// issue signs the certificate of an issuance and packs it as the faults want it.
func (e *Engine) issue(o *Order, issuance *Issuance) (*Certificate, error) {
	product, err := e.Product(o.Product)
	if err != nil {
		return nil, err
	}
	faults := e.takeCertificateFaults(issuance.Names[0])
	key, err := leafKey(issuance, faults)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial(e.cfg.Rand)
	if err != nil {
		return nil, err
	}
	names := slices.Clone(issuance.Names)
	if free := freeName(names[0]); product.WWWIncluded && !slices.Contains(names, free) {
		names = append(names, free)
	}
	notBefore := issuance.IssueAt.Add(faults.notYetValid).UTC().Truncate(time.Second)
	notAfter := notBefore.Add(e.cfg.MaxValidity)
	if paid := o.PaidUntil.UTC().Truncate(time.Second); notAfter.After(paid) {
		notAfter = paid
	}
	leaf, err := e.cfg.CA.issue(leafRequest{
		key: key, names: names, serial: serial, notBefore: notBefore, notAfter: notAfter, aia: e.cfg.AIAURL,
	})
	if err != nil {
		return nil, err
	}
	return &Certificate{
		Serial: serial.Text(16), NotBefore: notBefore, NotAfter: notAfter,
		PEM: e.bundle(certificatePEM(leaf.Raw), faults),
	}, nil
}

func leafKey(issuance *Issuance, faults certificateFaults) (crypto.PublicKey, error) {
	if !faults.wrongKey {
		return issuance.parsed.Request.PublicKey, nil
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return other.Public(), nil
}

func (e *Engine) bundle(leaf string, faults certificateFaults) []string {
	bundle := []string{leaf}
	if !faults.leafOnly {
		bundle = append(bundle, certificatePEM(e.cfg.CA.Intermediate().Raw))
	}
	if faults.rootIncluded {
		bundle = append(bundle, e.cfg.CA.RootPEM())
	}
	if faults.reversed {
		slices.Reverse(bundle)
	}
	return bundle
}

// Revalidate makes the CA look at a name at the next Tick.
func (e *Engine) Revalidate(account, id, name string) error {
	_, err := e.change(account, id, func(o *Order, _ Product, now time.Time) error {
		domain, err := o.Domain(name)
		if err != nil {
			return err
		}
		domain.nextCheck = now
		return nil
	})
	return err
}

// ChangeMethod moves one name of an order that awaits validation to another method.
func (e *Engine) ChangeMethod(account, id, name string, method Method, email string) (*Order, error) {
	return e.change(account, id, func(o *Order, product Product, now time.Time) error {
		if o.State != StateAwaitingValidation {
			return refuse(ErrState, "order %s does not await validation", id)
		}
		domain, err := o.Domain(name)
		if err != nil {
			return err
		}
		chosen, err := chooseMethod(product, domain.Challenge, method, []string{email}, true)
		if err != nil {
			return err
		}
		domain.Method, domain.Email, domain.nextCheck = method, chosen, now
		return nil
	})
}

// Approve takes names of an order as validated, whatever their method: what a click in
// an approval message does. Without names it approves all.
func (e *Engine) Approve(id string, names ...string) (*Order, error) {
	return e.change("", id, func(o *Order, _ Product, now time.Time) error {
		if o.State != StateAwaitingValidation {
			return refuse(ErrState, "order %s does not await validation", id)
		}
		for _, name := range names {
			if _, err := o.Domain(name); err != nil {
				return err
			}
		}
		for _, domain := range o.Current().Domains {
			if len(names) == 0 || slices.Contains(names, domain.Name) {
				e.markValidated(o, domain, now)
			}
		}
		return nil
	})
}

// Reject ends an order as the CA would, without a refund.
func (e *Engine) Reject(id, reason string) (*Order, error) {
	return e.change("", id, func(o *Order, _ Product, _ time.Time) error {
		if !o.open() && o.State != StateUnconfigured {
			return refuse(ErrState, "order %s cannot be rejected: it is %s", id, o.State)
		}
		o.State, o.Reason = StateRejected, reason
		return nil
	})
}

// Cancel ends an order. What was never issued is refunded.
func (e *Engine) Cancel(account, id, reason string) (*Order, error) {
	return e.change(account, id, func(o *Order, _ Product, _ time.Time) error {
		if !o.open() && o.State != StateUnconfigured && o.State != StateIssued {
			return refuse(ErrState, "order %s cannot be cancelled: it is %s", id, o.State)
		}
		o.State, o.Reason = StateCancelled, reason
		e.record(EntryCancel, o, 0)
		if o.Certificate() == nil && o.Price > 0 {
			e.record(EntryRefund, o, -o.Price)
		}
		return nil
	})
}

// Revoke revokes the certificate with a serial number (hex) of an order. The order
// stays as it is.
func (e *Engine) Revoke(account, id, serial string) (*Order, error) {
	return e.change(account, id, func(o *Order, _ Product, now time.Time) error {
		for _, issuance := range o.Issuances {
			if c := issuance.Certificate; c != nil && c.Serial == serial && c.RevokedAt.IsZero() {
				c.RevokedAt = now
				e.record(EntryRevoke, o, 0)
				return nil
			}
		}
		return refuse(ErrNotFound, "order %s has no valid certificate %q", id, serial)
	})
}
