package sandbox_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func TestCertificateFaults(t *testing.T) {
	t.Parallel()
	for kind, want := range map[sandbox.FaultKind][]string{
		sandbox.FaultReversedChain: {"DV CA", "leaf"},
		sandbox.FaultRootIncluded:  {"leaf", "DV CA", "Root CA"},
		sandbox.FaultLeafOnly:      {"leaf"},
		sandbox.FaultWrongKey:      {"leaf", "DV CA"},
		sandbox.FaultNotYetValid:   {"leaf", "DV CA"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			engine, clock := newEngine(t, sandbox.Config{})
			require.NoError(t, engine.Inject(sandbox.Fault{Kind: kind, CommonName: "bad.example.com"}))
			good := place(t, engine, "good.example.com")
			assert.Len(t, good.Certificate().PEM, 2, "the fault is for another name")

			req := request(t, "bad.example.com")
			o, err := engine.Place(req)
			require.NoError(t, err)
			var order []string
			for _, certificate := range parse(t, o.Certificate().PEM...) {
				switch certificate.Subject.CommonName {
				case "bad.example.com":
					order = append(order, "leaf")
					csr, err := sandbox.ParseCSR(req.CSR)
					require.NoError(t, err)
					assert.Equal(t, kind != sandbox.FaultWrongKey, assert.ObjectsAreEqual(csr.Request.PublicKey, certificate.PublicKey))
					assert.Equal(t, kind == sandbox.FaultNotYetValid, certificate.NotBefore.After(clock.Now()))
				case "SANDBOX - NOT TRUSTED DV CA":
					order = append(order, "DV CA")
				case "SANDBOX - NOT TRUSTED Root CA":
					order = append(order, "Root CA")
				}
			}
			assert.Equal(t, want, order)
			assert.Empty(t, engine.Faults(), "the fault is spent")
			after := place(t, engine, "bad.example.com")
			assert.Len(t, after.Certificate().PEM, 2)
		})
	}
}

func TestOrderFaults(t *testing.T) {
	t.Parallel()
	for kind, state := range map[sandbox.FaultKind]sandbox.State{
		sandbox.FaultReject: sandbox.StateRejected, sandbox.FaultCancel: sandbox.StateCancelled,
		sandbox.FaultSlow: sandbox.StateIssuing, sandbox.FaultUnconfigured: sandbox.StateUnconfigured,
		sandbox.FaultLateVisible: sandbox.StateIssued,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			engine, clock := newEngine(t, sandbox.Config{})
			require.NoError(t, engine.Inject(sandbox.Fault{Kind: kind, Delay: time.Minute}))
			o := place(t, engine, "example.com")
			assert.Equal(t, state, o.State)
			assert.Len(t, engine.Ledger(sandbox.EntryPurchase), 1, "paid all the same")
			if kind == sandbox.FaultLateVisible {
				assert.Empty(t, engine.Orders(o.Account))
				assert.Len(t, engine.Orders(""), 1)
			}
			clock.Advance(time.Minute)
			assert.Len(t, engine.Orders(o.Account), 1)
			if kind == sandbox.FaultSlow {
				o, err := engine.Order("", o.ID)
				require.NoError(t, err)
				assert.Equal(t, sandbox.StateIssued, o.State)
				assert.Equal(t, clock.Now(), o.Certificate().NotBefore)
			}
		})
	}
}

func TestActivationOfAnUnconfiguredOrder(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultUnconfigured}))
	o := place(t, engine, "example.com")
	assert.Nil(t, o.Current())
	assert.Empty(t, o.CommonName())
	assert.Nil(t, o.Certificate())
	o, err := engine.Activate(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, o.State)
	_, err = engine.Activate(o.Account, o.ID, supply(t, "example.com"))
	refused(t, err, sandbox.ErrState)
	assert.Len(t, engine.Ledger(sandbox.EntryEnrol), 1)
}

func TestFreshTokenDiffersFromThePreparedOne(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{Validator: neverValid})
	req := request(t, "example.com")
	_, prepared, err := engine.Check(req.Account, req.Product, req.CSR, nil)
	require.NoError(t, err)
	o, err := engine.Place(req)
	require.NoError(t, err)
	assert.Equal(t, prepared[0], o.Current().Domains[0].Challenge)

	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultFreshToken}))
	o, err = engine.Place(req)
	require.NoError(t, err)
	assert.Equal(t, prepared[0].RecordName, o.Current().Domains[0].Challenge.RecordName)
	assert.NotEqual(t, prepared[0].RecordValue, o.Current().Domains[0].Challenge.RecordValue)
}

func TestReissueFaults(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	o := place(t, engine, "example.com")
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultNewOrderID}))
	moved, err := engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.NotEqual(t, o.ID, moved.ID)
	assert.Equal(t, sandbox.StateIssued, moved.State)
	assert.Equal(t, o.PaidUntil, moved.PaidUntil)
	old, err := engine.Order(o.Account, o.ID)
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateSuperseded, old.State)
	assert.Equal(t, moved.ID, old.ReplacedBy)
	assert.Equal(t, o.Certificate(), old.Certificate())
	assert.Equal(t, sandbox.Cents(500), engine.Spent(o.Account))

	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultReject}))
	again, err := engine.Reissue(o.Account, moved.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, again.State, "without an op the fault waits for a new order")
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultReject, Op: "reissue"}))
	again, err = engine.Reissue(o.Account, moved.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateRejected, again.State)
}

func TestHiddenReissue(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, _ := newEngine(t, sandbox.Config{Validator: zone})
	o := place(t, engine, "example.com")
	o, err := engine.Approve(o.ID)
	require.NoError(t, err)
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultHideReissue}))
	shown, err := engine.Reissue(o.Account, o.ID, supply(t, "example.com"))
	require.NoError(t, err)
	assert.Equal(t, sandbox.StateIssued, shown.State)
	assert.Equal(t, o.Certificate().Serial, shown.Certificate().Serial)
	zone.publishOrder(shown)
	engine.Tick(t.Context())
	shown, err = engine.Order("", o.ID)
	require.NoError(t, err)
	assert.NotEqual(t, o.Certificate().Serial, shown.Certificate().Serial)
}

func TestNthAndTimes(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultReject, Nth: 2, Times: 2}))
	var states []sandbox.State
	for range 4 {
		states = append(states, place(t, engine, "example.com").State)
	}
	assert.Equal(t, []sandbox.State{
		sandbox.StateIssued, sandbox.StateRejected, sandbox.StateRejected, sandbox.StateIssued,
	}, states)
	require.NoError(t, engine.Inject(sandbox.Fault{Kind: sandbox.FaultReject, Times: -1}))
	for range 3 {
		assert.Equal(t, sandbox.StateRejected, place(t, engine, "example.com").State)
	}
	assert.Len(t, engine.Faults(), 1)
	engine.ClearFaults()
	assert.Equal(t, sandbox.StateIssued, place(t, engine, "example.com").State)
}

func TestFaultJSON(t *testing.T) {
	t.Parallel()
	fault := sandbox.Fault{
		Kind: sandbox.FaultThrottle, Op: "buy", Nth: 2, Times: -1, AfterEffect: true,
		RetryAfter: 90 * time.Second, Delay: time.Minute,
	}
	text, err := json.Marshal(fault)
	require.NoError(t, err)
	assert.JSONEq(t, `{"kind":"throttle","op":"buy","nth":2,"times":-1,"afterEffect":true,"retryAfter":"1m30s","delay":"1m0s"}`, string(text))
	var read sandbox.Fault
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, fault, read)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"kind":"explode"}`), &read), `"explode"`)
	require.Error(t, json.Unmarshal([]byte(`{"kind":"slow","delay":"soon"}`), &read))
	engine, _ := newEngine(t, sandbox.Config{})
	require.Error(t, engine.Inject(sandbox.Fault{Kind: "explode"}))
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	engine, _ := newEngine(t, sandbox.Config{Validator: zone, ValidationInterval: time.Nanosecond})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				o := place(t, engine, "example.com")
				zone.publishOrder(o)
				engine.Tick(t.Context())
				engine.Orders(o.Account)
				engine.Ledger()
			}
		})
	}
	group.Wait()
	ids := map[string]bool{}
	for _, entry := range engine.Ledger(sandbox.EntryPurchase) {
		ids[entry.Order] = true
	}
	assert.Len(t, ids, 40)
	assert.Equal(t, sandbox.Cents(40*500), engine.Spent(sandbox.DefaultAccount))
}

func TestSimulationIsRepeatable(t *testing.T) {
	t.Parallel()
	run := func() []string {
		engine, _ := newEngine(t, sandbox.Config{Rand: &counter{}})
		token, err := engine.Login(sandbox.DefaultAccount)
		require.NoError(t, err)
		return []string{token, place(t, engine, "example.com").ID, place(t, engine, "example.com").Certificate().Serial}
	}
	assert.Equal(t, run(), run())
}

// counter is a predictable source of randomness.
type counter struct{ next byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.next++
		p[i] = c.next
	}
	return len(p), nil
}
