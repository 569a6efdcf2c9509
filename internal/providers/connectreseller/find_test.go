package connectreseller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestFind(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, "a.com"), newPair(t, "a.com")
	const txt = `{"sslid":225735,"websiteName":"a.com","verificationmethod":"DNS_TXT","txtRecord":"0123456789"`
	waiting, gone := good(`{"sslid":225735,"sslnameID":452}`)[0], good(txt + `,"isDeleted":1}`)[0]
	enrolled := good(txt + `}`)[0]
	for name, test := range map[string]struct {
		kind                 providers.OperationKind
		details, certificate string
		evidence             providers.Evidence // 0: nothing found
		state                providers.State
		fails                bool
	}{
		"enrolment didn't happen":          {kind: providers.Enrol, details: waiting},
		"enrolment, our record":            {kind: providers.Enrol, details: issued("a.com", ours.record), evidence: providers.EvidenceCSR, state: providers.StateAwaitingValidation},
		"enrolment, another record":        {kind: providers.Enrol, details: issued("a.com", other.record)},
		"enrolment of our own order":       {kind: providers.Enrol, details: enrolled, evidence: providers.EvidenceReference, state: providers.StateAwaitingValidation},
		"reissue, our record":              {kind: providers.Reissue, details: issued("a.com", ours.record), certificate: good(other.delivery(t))[0], evidence: providers.EvidenceCSR, state: providers.StateAwaitingValidation},
		"reissue, the old record":          {kind: providers.Reissue, details: issued("a.com", other.record), certificate: good(other.delivery(t))[0], evidence: providers.EvidenceNames, state: providers.StateAwaitingValidation},
		"reissue, nothing proves it":       {kind: providers.Reissue, details: enrolled, certificate: good(other.delivery(t))[0], evidence: providers.EvidenceNames, state: providers.StateAwaitingValidation},
		"reissue, our certificate":         {kind: providers.Reissue, details: enrolled, certificate: good(ours.delivery(t))[0], evidence: providers.EvidenceCSR, state: providers.StateIssued},
		"renewal, our record":              {kind: providers.Renew, details: issued("a.com", ours.record), evidence: providers.EvidenceCSR, state: providers.StateAwaitingValidation},
		"renewal of a cancelled order":     {kind: providers.Renew, details: gone, evidence: providers.EvidenceNames, state: providers.StateCancelled},
		"cancelled":                        {kind: providers.Cancel, details: gone, evidence: providers.EvidenceReference, state: providers.StateCancelled},
		"not cancelled":                    {kind: providers.Cancel, details: enrolled},
		"revocation leaves no trace":       {kind: providers.Revoke, details: enrolled, certificate: good(ours.delivery(t))[0], evidence: providers.EvidenceNames, state: providers.StateIssued},
		"details can't be read":            {kind: providers.Reissue, details: "x", fails: true},
		"the certificate can't be fetched": {kind: providers.Reissue, details: enrolled, certificate: "x", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.certificate == "" {
				test.certificate = bad("1008")[0]
			}
			v := newVendor(t, map[string][]string{"SSLDetails": {test.details}, "SSLCertificate": {test.certificate}})
			trace := providers.Trace{Kind: test.kind, IDs: providers.IDs{idOrder: "225735"}, CSR: []byte(ours.csr), CommonName: "a.com"}
			found, err := v.provider("5").Find(t.Context(), trace)
			if test.fails {
				assert.Equal(t, providers.Unavailable, kindOf(t, err))
				return
			}
			require.NoError(t, err)
			if test.evidence == 0 {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Equal(t, test.evidence, found[0].Evidence)
			assert.Equal(t, test.state, found[0].Order.State)
			assert.Equal(t, "225735", found[0].Order.IDs[idOrder])
			if test.kind != providers.Cancel {
				assert.Equal(t, ours.key, found[0].Order.IDs[idPublicKey])
			}
		})
	}
}

// TestAPurchaseIsNeverFound: there is nothing to look at, so nothing is called.
func TestAPurchaseIsNeverFound(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	p := v.provider("5")
	found, err := p.Find(t.Context(), providers.Trace{Kind: providers.Purchase})
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.False(t, p.Profile().AbsenceKnowable)
	assert.Empty(t, v.sent(""))
}

// TestExamine tells a person what the balance says.
func TestExamine(t *testing.T) {
	t.Parallel()
	p := newVendor(t, answers()).provider("5")
	for before, want := range map[string]string{
		"1008.50": "the balance fell from 1008.50 to 1000.50, so it was probably charged",
		"1000.50": "the balance is 1000.50 as before, so it was probably not charged, but that is no proof",
		"900":     "the balance rose from 900.00 to 1000.50 and proves nothing",
	} {
		money, err := providers.ParseMoney(before, "")
		require.NoError(t, err)
		said, err := p.Examine(t.Context(), providers.Trace{Kind: providers.Purchase, Before: &providers.Snapshot{Balance: &money}})
		require.NoError(t, err)
		assert.Equal(t, want, said)
	}
	for _, trace := range []providers.Trace{{Kind: providers.Purchase}, {Kind: providers.Purchase, Before: &providers.Snapshot{}}, {Kind: providers.Reissue}} {
		said, err := p.Examine(t.Context(), trace)
		require.NoError(t, err)
		assert.Empty(t, said)
	}
	money, err := providers.ParseMoney("1", "")
	require.NoError(t, err)
	trace := providers.Trace{Kind: providers.Purchase, Before: &providers.Snapshot{Balance: &money}}
	_, err = newVendor(t, map[string][]string{}).provider("5").Examine(t.Context(), trace)
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	_, err = newVendor(t, map[string][]string{}).provider("5").Snapshot(t.Context(), providers.Request{})
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
}
