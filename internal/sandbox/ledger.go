package sandbox

import (
	"slices"
	"time"
)

// EntryKind says what an effect was.
type EntryKind string

// The effects that the ledger records. The first four move money.
const (
	EntryPurchase   EntryKind = "purchase"
	EntryRenewal    EntryKind = "renewal"
	EntryExtraNames EntryKind = "extra-names"
	EntryRefund     EntryKind = "refund"
	EntryReissue    EntryKind = "reissue"
	EntryEnrol      EntryKind = "enrol"
	EntryCancel     EntryKind = "cancel"
	EntryRevoke     EntryKind = "revoke"
)

// Entry is one line of the ledger: a call that had an effect which can't be
// taken back. Entries are never changed or removed, except by Reset.
type Entry struct {
	ID      int       `json:"id"`
	Time    time.Time `json:"time"`
	Account string    `json:"account"`
	Kind    EntryKind `json:"kind"`
	Order   string    `json:"order"`
	// Amount is what the account paid; a refund is negative, free effects are zero.
	Amount   Cents  `json:"amount"`
	Currency string `json:"currency"`
	// Names and CSRDigest (SHA-256 of the DER form, hex) are those of the request.
	Names     []string `json:"names,omitempty"`
	CSRDigest string   `json:"csrDigest,omitempty"`
}

// Ledger is a copy of all entries, oldest first; with kinds only those.
func (e *Engine) Ledger(kinds ...EntryKind) []Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	entries := make([]Entry, 0, len(e.ledger))
	for _, entry := range e.ledger {
		if len(kinds) == 0 || slices.Contains(kinds, entry.Kind) {
			entry.Names = slices.Clone(entry.Names)
			entries = append(entries, entry)
		}
	}
	return entries
}

// Spent is the sum of all charges less refunds of one account.
func (e *Engine) Spent(account string) Cents {
	var sum Cents
	for _, entry := range e.Ledger() {
		if entry.Account == account {
			sum += entry.Amount
		}
	}
	return sum
}

// record appends an entry for an order and moves the money. The caller holds the lock
// and has checked the balance.
func (e *Engine) record(kind EntryKind, o *Order, amount Cents) {
	entry := Entry{
		ID: len(e.ledger) + 1, Time: e.cfg.Now(), Account: o.Account, Kind: kind, Order: o.ID,
		Amount: amount, Currency: o.Currency,
	}
	if current := o.Current(); current != nil {
		entry.Names, entry.CSRDigest = slices.Clone(current.Names), current.Digest
	} else if o.Reserved != "" {
		entry.Names = []string{o.Reserved}
	}
	e.ledger = append(e.ledger, entry)
	e.accounts[o.Account].Balance -= amount
}
