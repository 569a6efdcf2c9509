package sandbox_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func TestPurchaseIssuesATrustedLookingLeaf(t *testing.T) {
	t.Parallel()
	engine, clock := newEngine(t, sandbox.Config{})
	req := request(t, "example.com")
	o, err := engine.Place(req)
	require.NoError(t, err)
	require.Equal(t, sandbox.StateIssued, o.State)

	certificates := parse(t, o.Certificate().PEM...)
	require.Len(t, certificates, 2)
	leaf := certificates[0]
	csr, err := sandbox.ParseCSR(req.CSR)
	require.NoError(t, err)
	assert.Equal(t, csr.Request.PublicKey, leaf.PublicKey)
	assert.Equal(t, "example.com", leaf.Subject.CommonName)
	assert.Equal(t, []string{"example.com", "www.example.com"}, leaf.DNSNames)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, leaf.ExtKeyUsage)
	assert.False(t, leaf.IsCA)
	assert.Equal(t, clock.Now(), leaf.NotBefore)
	assert.Equal(t, clock.Now().Add(199*day), leaf.NotAfter)
	assert.Contains(t, leaf.Issuer.CommonName, "SANDBOX - NOT TRUSTED")
	assert.Contains(t, engine.CA().Root().Subject.CommonName, "SANDBOX - NOT TRUSTED")
	assert.Equal(t, 0, leaf.SerialNumber.Cmp(serial(o.Certificate().Serial)))

	intermediates := x509.NewCertPool()
	intermediates.AddCert(certificates[1])
	_, err = leaf.Verify(x509.VerifyOptions{
		DNSName: "www.example.com", Roots: engine.CA().Pool(), Intermediates: intermediates, CurrentTime: clock.Now(),
	})
	require.NoError(t, err)
}

func TestPurchaseIsOneLedgerLine(t *testing.T) {
	t.Parallel()
	engine, clock := newEngine(t, sandbox.Config{})
	req := request(t, "example.com")
	o, err := engine.Place(req)
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(req.CSR))
	digest := sha256.Sum256(block.Bytes)
	assert.Equal(t, []sandbox.Entry{{
		ID: 1, Time: clock.Now(), Account: "sandbox", Kind: sandbox.EntryPurchase, Order: o.ID,
		Amount: 500, Currency: "USD", Names: []string{"example.com"}, CSRDigest: hex.EncodeToString(digest[:]),
	}}, engine.Ledger())
	account, err := engine.Account(sandbox.DefaultAccount)
	require.NoError(t, err)
	assert.Equal(t, "9995.00", account.Balance.String())
	assert.Equal(t, sandbox.Cents(500), engine.Spent(sandbox.DefaultAccount))
	assert.Empty(t, engine.Ledger(sandbox.EntryRenewal))
}

func TestRefusedPurchaseHasNoEffect(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	for name, test := range map[string]struct {
		change func(*sandbox.OrderRequest)
		kind   sandbox.ErrorKind
	}{
		"product": {func(r *sandbox.OrderRequest) { r.Product = "x" }, sandbox.ErrProduct},
		"account": {func(r *sandbox.OrderRequest) { r.Account = "x" }, sandbox.ErrNotFound},
		"years":   {func(r *sandbox.OrderRequest) { r.Years = 4 }, sandbox.ErrParameter},
		"csr":     {func(r *sandbox.OrderRequest) { r.CSR = "x" }, sandbox.ErrCSR},
		"method":  {func(r *sandbox.OrderRequest) { r.Method = "carrier-pigeon" }, sandbox.ErrMethod},
		"e-mail":  {func(r *sandbox.OrderRequest) { r.Method, r.Emails = sandbox.MethodEmail, []string{"me@example.com"} }, sandbox.ErrMethod},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := request(t, "example.com")
			test.change(&req)
			_, err := engine.Place(req)
			refused(t, err, test.kind)
			assert.Empty(t, engine.Ledger())
			assert.Empty(t, engine.Orders(""))
		})
	}
}

func TestFundsRunOut(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	require.NoError(t, engine.SetBalance(sandbox.DefaultAccount, 999))
	place(t, engine, "one.example.com")
	_, err := engine.Place(request(t, "two.example.com"))
	refused(t, err, sandbox.ErrFunds)
	assert.Len(t, engine.Ledger(), 1)
	refused(t, engine.SetBalance("nobody", 1), sandbox.ErrNotFound)
}

func TestLeafNeverOutlivesThePaidTerm(t *testing.T) {
	t.Parallel()
	engine, clock := newEngine(t, sandbox.Config{})
	o := place(t, engine, "example.com")
	clock.Advance(300 * day)
	o, err := engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, o.PaidUntil, o.Certificate().NotAfter)

	clock.Advance(65 * day)
	o, err = engine.Order(o.Account, o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateExpired, o.State)
	_, err = engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	refused(t, err, sandbox.ErrState)
}

func TestShortYearsAndLifetimes(t *testing.T) {
	t.Parallel()
	engine, clock := newEngine(t, sandbox.Config{Year: 10 * time.Minute, MaxValidity: 4 * time.Minute})
	o := place(t, engine, "example.com")
	assert.Equal(t, clock.Now().Add(10*time.Minute), o.PaidUntil)
	assert.Equal(t, clock.Now().Add(4*time.Minute), o.Certificate().NotAfter)
}

func TestReissueIsFreeAndKeepsTheOldCertificate(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, clock := newEngine(t, sandbox.Config{Validator: zone})
	o := place(t, engine, "example.com")
	assert.Equal(t, sandbox.StateAwaitingValidation, o.State)
	zone.publishOrder(o)
	engine.Tick(t.Context())
	first, err := engine.Order(o.Account, o.ID)
	require.NoError(t, err)
	require.Equal(t, sandbox.StateIssued, first.State)

	clock.Advance(100 * day)
	o, err = engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateAwaitingValidation, o.State, "a reissue needs a proof of its own")
	assert.Equal(t, first.Certificate(), o.Certificate(), "the old certificate is shown meanwhile")
	_, err = engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	refused(t, err, sandbox.ErrState)

	zone.publishOrder(o)
	engine.Tick(t.Context())
	o, err = engine.Order(o.Account, o.ID)
	require.NoError(t, err)
	assert.NotEqual(t, first.Certificate().Serial, o.Certificate().Serial)
	assert.Len(t, engine.Ledger(sandbox.EntryReissue), 1)
	assert.Equal(t, sandbox.Cents(500), engine.Spent(o.Account))
}

func TestReusedValidation(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, clock := newEngine(t, sandbox.Config{Validator: zone, DCVReuse: 10 * day})
	o := place(t, engine, "example.com")
	zone.publishOrder(o)
	engine.Tick(t.Context())
	clock.Advance(9 * day)
	o, err := engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State, "the name was validated nine days ago")
	clock.Advance(2 * day)
	o, err = engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateAwaitingValidation, o.State)
}

func TestExtraNames(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	req := request(t, "example.com")
	req.Product, req.Names = "19", []string{"a.example.com", "b.example.com", "c.example.com"}
	o, err := engine.Place(req)
	require.NoError(t, err)
	assert.Equal(t, sandbox.Cents(1500+400), o.Price, "two further names are included, the third costs")
	four := supply(t, "example.com", "a.example.com", "b.example.com", "c.example.com", "d.example.com")
	_, err = engine.Reissue(o.Account, o.ID, four)
	refused(t, err, sandbox.ErrNames)

	o, price, err := engine.AddNames(o.Account, o.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, sandbox.Cents(400), price)
	assert.Equal(t, 5, o.Room)
	o, err = engine.Reissue(o.Account, o.ID, four)
	require.NoError(t, err)
	assert.Len(t, parse(t, o.Certificate().PEM[0])[0].DNSNames, 5)
	assert.Len(t, engine.Ledger(sandbox.EntryExtraNames), 1)
	assert.Equal(t, sandbox.Cents(2300), engine.Spent(o.Account))

	_, _, err = engine.AddNames(o.Account, o.ID, 1000)
	refused(t, err, sandbox.ErrNames)
	single := place(t, engine, "single.example.com")
	_, _, err = engine.AddNames(single.Account, single.ID, 1)
	refused(t, err, sandbox.ErrNames)
}

func TestCancelRevokeReject(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{Validator: neverValid})
	o := place(t, engine, "example.com")
	o, err := engine.Cancel(o.Account, o.ID, "changed my mind")
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateCancelled, o.State)
	assert.Zero(t, engine.Spent(o.Account), "what was never issued is refunded")
	_, err = engine.Cancel(o.Account, o.ID, "again")
	refused(t, err, sandbox.ErrState)

	o = place(t, engine, "two.example.com")
	o, err = engine.Reject(o.ID, "phishing")
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateRejected, o.State)
	assert.Equal(t, sandbox.Cents(500), engine.Spent(o.Account))
	_, err = engine.Reject(o.ID, "again")
	refused(t, err, sandbox.ErrState)

	o = place(t, engine, "three.example.com")
	o, err = engine.Approve(o.ID)
	require.NoError(t, err)
	serial := o.Certificate().Serial
	o, err = engine.Revoke(o.Account, o.ID, serial)
	require.NoError(t, err)
	assert.False(t, o.Certificate().RevokedAt.IsZero())
	_, err = engine.Revoke(o.Account, o.ID, serial)
	refused(t, err, sandbox.ErrNotFound)
	o, err = engine.Cancel(o.Account, o.ID, "over")
	require.NoError(t, err)
	assert.Len(t, engine.Ledger(sandbox.EntryRefund), 1, "an issued order is not refunded")
	assert.Equal(t, sandbox.StateCancelled, o.State)
}

func TestAccountsAreSeparate(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{Accounts: []sandbox.Account{
		{Name: "a", Key: "key-a", Balance: 1000, Currency: "EUR"}, {Name: "b", Key: "key-b", Balance: 1000, Currency: "USD"},
	}})
	req := request(t, "example.com")
	req.Account = "a"
	o, err := engine.Place(req)
	require.NoError(t, err)
	assert.Equal(t, "EUR", o.Currency)
	_, err = engine.Order("b", o.ID)
	refused(t, err, sandbox.ErrNotFound)
	assert.Empty(t, engine.Orders("b"))
	b, err := engine.AccountByKey("key-b")
	require.NoError(t, err)
	assert.Equal(t, sandbox.Cents(1000), b.Balance)
	_, err = engine.AccountByKey("")
	refused(t, err, sandbox.ErrCredentials)
}

func TestResetForgets(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	first := place(t, engine, "example.com")
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultReject}))
	engine.Reset()
	assert.Empty(t, engine.Ledger())
	assert.Empty(t, engine.Orders(""))
	assert.Empty(t, engine.Faults())
	second := place(t, engine, "example.com")
	assert.NotEqual(t, first.ID, second.ID, "order numbers are never given twice")
	assert.Equal(t, sandbox.Cents(500), engine.Spent(sandbox.DefaultAccount))
}
