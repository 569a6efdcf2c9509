package chain

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBuildOrders(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	policy := d.root.sub(t, "Policy")
	issuing := policy.sub(t, "Issuing")
	deep := issuing.leaf(t, d.key.Public())
	stranger := newRoot(t, "Stranger").sub(t, "Other")
	strangersLeaf := stranger.leaf(t, ecKey(t).Public())
	older := newRoot(t, "Older root")
	cross := older.certify(t, "Root", d.root.key.Public())
	loop := d.root.certify(t, "Older root", older.key.Public())
	expired := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }
	expiredCross := older.certify(t, "Root", d.root.key.Public(), expired)
	rekeyed := d.root.sub(t, "Intermediate")
	direct := d.root.leaf(t, d.key.Public())

	tests := map[string]struct {
		certs, extra, want []*x509.Certificate
	}{
		"in order":                   {certs: list(d.leaf, d.inter.cert), want: list(d.leaf, d.inter.cert)},
		"reversed with root":         {certs: list(d.root.cert, d.inter.cert, d.leaf), want: list(d.leaf, d.inter.cert)},
		"two levels, shuffled":       {certs: list(issuing.cert, d.root.cert, deep, policy.cert), want: list(deep, issuing.cert, policy.cert)},
		"upper level missing":        {certs: list(deep, issuing.cert), want: list(deep, issuing.cert)},
		"unrelated certificates":     {certs: list(stranger.cert, strangersLeaf, d.leaf, d.inter.cert), want: list(d.leaf, d.inter.cert)},
		"same name, other key":       {certs: list(rekeyed.cert, d.leaf, d.inter.cert), want: list(d.leaf, d.inter.cert)},
		"completed from the bundle":  {certs: list(d.leaf), extra: list(stranger.cert, d.inter.cert), want: list(d.leaf, d.inter.cert)},
		"root in the bundle":         {certs: list(direct), extra: list(d.root.cert), want: list(direct)},
		"signed by a delivered root": {certs: list(direct, d.root.cert), want: list(direct)},
		"cross-signed root is kept":  {certs: list(d.leaf, d.inter.cert, d.root.cert, cross), want: list(d.leaf, d.inter.cert, cross)},
		"expired cross-signature":    {certs: list(d.leaf, d.inter.cert, expiredCross, d.root.cert), want: list(d.leaf, d.inter.cert)},
		"CAs that sign each other":   {certs: list(loop, d.leaf, d.inter.cert, cross), want: list(d.leaf, d.inter.cert, cross, loop)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := d.requirement()
			req.Extra = tt.extra
			got, err := Build(tt.certs, req)
			require.NoError(t, err)
			assert.Equal(t, subjects(tt.want), subjects(append(list(got.Leaf), got.Intermediates...)))
			assert.Equal(t, tt.want[0].Raw, got.Leaf.Raw)
		})
	}
}

func list(certs ...*x509.Certificate) []*x509.Certificate { return certs }

func subjects(certs []*x509.Certificate) []string {
	var out []string
	for _, cert := range certs {
		out = append(out, cert.Subject.CommonName+" by "+cert.Issuer.CommonName)
	}
	return out
}

func TestBuildRefusesLeaf(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	otherKey := ecKey(t)
	with := func(edit func(*x509.Certificate)) *x509.Certificate {
		return d.inter.leaf(t, d.key.Public(), func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x0abc); edit(c) })
	}
	tests := map[string]struct {
		leaf   *x509.Certificate
		reason Reason
		text   string
	}{
		"other key": {
			leaf:   d.inter.leaf(t, otherKey.Public(), func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x0abc) }),
			reason: ReasonWrongKey, text: "key",
		},
		"CA":          {leaf: with(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), reason: ReasonIsCA, text: "CA"},
		"name":        {leaf: with(func(c *x509.Certificate) { c.DNSNames = []string{"example.com"} }), reason: ReasonMissingNames, text: "www.example.com"},
		"no SAN":      {leaf: with(func(c *x509.Certificate) { c.DNSNames = nil }), reason: ReasonMissingNames, text: "example.com, www.example.com"},
		"client auth": {leaf: with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), reason: ReasonNoServerAuth, text: "usage"},
		"no usage":    {leaf: with(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), reason: ReasonNoServerAuth, text: "usage"},
		"expired":     {leaf: with(func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }), reason: ReasonExpired, text: "2026-11-19"},
		"early":       {leaf: with(func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }), reason: ReasonNotYetValid, text: "2026-11-21"},
		"early and another name": {
			leaf:   with(func(c *x509.Certificate) { c.NotBefore, c.DNSNames = now.AddDate(0, 0, 1), nil }),
			reason: ReasonMissingNames, text: "example.com",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Build(list(d.inter.cert, tt.leaf, d.root.cert), d.requirement())
			failure := requireReason(t, err, tt.reason)
			assert.Equal(t, "0abc", failure.Serial)
			assert.Contains(t, err.Error(), "certificate 0abc: ")
			assert.Contains(t, err.Error(), tt.text)
		})
	}
}

func requireReason(t *testing.T, err error, reason Reason) *Error {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, reason, failure.Reason, err.Error())
	return failure
}

func TestBuildErrorDetails(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	aia := []string{"http://ca.example/intermediate.crt"}
	lone := d.inter.leaf(t, d.key.Public(), func(c *x509.Certificate) { c.IssuingCertificateURL = aia })

	t.Run("nothing", func(t *testing.T) {
		_, err := Build(nil, d.requirement())
		requireReason(t, err, ReasonEmpty)
	})
	t.Run("CA certificates only", func(t *testing.T) {
		_, err := Build(list(d.inter.cert, d.root.cert), d.requirement())
		requireReason(t, err, ReasonEmpty)
	})
	t.Run("no CSR", func(t *testing.T) {
		_, err := Build(list(d.leaf), Requirement{Now: now})
		requireReason(t, err, ReasonWrongKey)
	})
	t.Run("not yet valid tells when", func(t *testing.T) {
		req := d.requirement()
		req.Now = d.leaf.NotBefore.Add(-1)
		_, err := Build(list(d.leaf, d.inter.cert), req)
		assert.Equal(t, d.leaf.NotBefore, requireReason(t, err, ReasonNotYetValid).ValidFrom)
	})
	t.Run("first and last second", func(t *testing.T) {
		req := d.requirement()
		req.Now = d.leaf.NotBefore
		_, err := Build(list(d.leaf, d.inter.cert), req)
		require.NoError(t, err)
		req.Now = d.leaf.NotAfter
		_, err = Build(list(d.leaf, d.inter.cert), req)
		require.NoError(t, err)
	})
	t.Run("missing names", func(t *testing.T) {
		req := d.requirement()
		req.Names = []string{"example.com", "API.example.com", "*.example.com"}
		_, err := Build(list(d.leaf, d.inter.cert), req)
		assert.Equal(t, []string{"*.example.com", "api.example.com"}, requireReason(t, err, ReasonMissingNames).Missing)
	})
	t.Run("intermediates", func(t *testing.T) {
		_, err := Build(list(lone, d.root.cert), d.requirement())
		failure := requireReason(t, err, ReasonIntermediatesMissing)
		assert.Equal(t, "CN=Intermediate", failure.Issuer)
		assert.Equal(t, aia, failure.AIA)
	})
	t.Run("expired intermediate counts as missing", func(t *testing.T) {
		old := d.root.certify(t, "Intermediate", d.inter.key.Public(), func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
		_, err := Build(list(d.leaf, old), d.requirement())
		requireReason(t, err, ReasonIntermediatesMissing)
		got, err := Build(list(d.leaf, old, d.inter.cert), d.requirement())
		require.NoError(t, err)
		assert.Equal(t, d.inter.cert.Raw, got.Intermediates[0].Raw)
	})
}

func TestBuildVerifies(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)

	t.Run("forged issuer", func(t *testing.T) {
		t.Parallel()
		sameID := func(c *x509.Certificate) { c.SubjectKeyId = d.inter.cert.SubjectKeyId }
		impostor := d.root.sub(t, "Intermediate", sameID)
		_, err := Build(list(d.leaf, impostor.cert), d.requirement())
		require.Error(t, requireReason(t, err, ReasonBadSignature).Err)
	})
	t.Run("damaged signature", func(t *testing.T) {
		t.Parallel()
		damaged, err := x509.ParseCertificate(d.leaf.Raw)
		require.NoError(t, err)
		damaged.Signature[len(damaged.Signature)-1] ^= 1
		_, err = Build(list(damaged, d.inter.cert), d.requirement())
		requireReason(t, err, ReasonBadSignature)
	})
	t.Run("issuer may not sign", func(t *testing.T) {
		t.Parallel()
		noCA := d.root.sub(t, "No CA", func(c *x509.Certificate) { c.IsCA, c.SubjectKeyId = false, []byte("id") })
		_, err := Build(list(noCA.leaf(t, d.key.Public()), noCA.cert), d.requirement())
		requireReason(t, err, ReasonBadSignature)
	})
	t.Run("name constraint", func(t *testing.T) {
		t.Parallel()
		limited := d.root.sub(t, "Limited", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.org"} })
		_, err := Build(list(limited.leaf(t, d.key.Public()), limited.cert), d.requirement())
		requireReason(t, err, ReasonBadSignature)
	})
	t.Run("path length", func(t *testing.T) {
		t.Parallel()
		last := d.root.sub(t, "Last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
		beyond := last.sub(t, "Beyond")
		_, err := Build(list(beyond.leaf(t, d.key.Public()), beyond.cert, last.cert, d.root.cert), d.requirement())
		requireReason(t, err, ReasonBadSignature)
	})
}

func TestBuildPicksNewestGoodLeaf(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	earlier := d.inter.leaf(t, d.key.Public(), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -1, 0) })
	tooEarly := d.inter.leaf(t, d.key.Public(), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 1, 0) })

	got, err := Build(list(earlier, d.leaf, d.inter.cert), d.requirement())
	require.NoError(t, err)
	assert.Equal(t, d.leaf.Raw, got.Leaf.Raw)

	got, err = Build(list(tooEarly, earlier, d.inter.cert), d.requirement())
	require.NoError(t, err)
	assert.Equal(t, earlier.Raw, got.Leaf.Raw)

	_, err = Build(list(tooEarly, d.inter.cert), d.requirement())
	requireReason(t, err, ReasonNotYetValid)
}

func TestBuildRSA(t *testing.T) {
	t.Parallel()
	key, err := rsaKey()
	require.NoError(t, err)
	d := newDelivery(t)
	csr := newCSR(t, key, "example.com")
	leaf := d.inter.leaf(t, key.Public())

	got, err := Build(list(d.leaf, leaf, d.inter.cert), Requirement{CSR: csr, Now: now})
	require.NoError(t, err)
	assert.Equal(t, leaf.Raw, got.Leaf.Raw)
}

func TestChainAccessors(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	leaf := d.inter.leaf(t, d.key.Public(), func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x123) })
	got, err := Build(list(d.root.cert, d.inter.cert, leaf), d.requirement())
	require.NoError(t, err)

	sum := sha256.Sum256(leaf.Raw)
	assert.Equal(t, string(certPEM(leaf, d.inter.cert)), string(got.PEM()))
	assert.Equal(t, "0123", got.Serial())
	assert.Equal(t, hex.EncodeToString(sum[:]), got.SHA256())
	assert.Equal(t, leaf.NotBefore, got.NotBefore())
	assert.Equal(t, leaf.NotAfter, got.NotAfter())

	again, err := Parse(got.PEM())
	require.NoError(t, err)
	assert.Equal(t, subjects(list(leaf, d.inter.cert)), subjects(again))
}

func TestBuildLeavesInputAlone(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	certs := list(d.root.cert, d.inter.cert, d.leaf)
	_, err := Build(certs, d.requirement())
	require.NoError(t, err)
	assert.Equal(t, list(d.root.cert, d.inter.cert, d.leaf), certs)
}
