package cyberssl

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// pair is a CSR and a certificate with the same key.
type pair struct {
	csr, certificate string
	der              []byte
}

func newPair(t testing.TB, ca bool) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "test.com"}}, key)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: ca, BasicConstraintsValid: true, NotAfter: testNow()}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pair{
		csr:         string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		der:         csr,
	}
}

func decodeStatus(t testing.TB, body string) orderFields {
	t.Helper()
	var reply statusReply
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	return reply.orderFields
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	ours, other, ca := newPair(t, false), newPair(t, false), newPair(t, true)
	issued := func(csr string, certificates ...string) orderFields {
		return orderFields{Status: "Activated", CSR: text(csr), Certificate: text(certificates[0]), Chain: text(strings.Join(certificates[1:], "\r\n"))}
	}
	tests := map[string]struct {
		order orderFields
		want  providers.State
	}{
		"awaiting activation":                  {orderFields{Status: "Awaiting Activation"}, providers.StatePendingOrder},
		"awaiting validation":                  {orderFields{Status: "Awaiting Validation"}, providers.StateAwaitingValidation},
		"other case and blanks":                {orderFields{Status: " AWAITING  validation\n"}, providers.StateAwaitingValidation},
		"processing":                           {orderFields{Status: "Processing"}, providers.StateIssuing},
		"rejected":                             {orderFields{Status: "Rejected"}, providers.StateRejected},
		"cancelled":                            {orderFields{Status: "Cancelled"}, providers.StateCancelled},
		"expired":                              {orderFields{Status: "Expired"}, providers.StateExpired},
		"duplicate without a certificate":      {orderFields{Status: "Duplicate Certificate"}, providers.StateRejected},
		"duplicate with a certificate":         {orderFields{Status: "Duplicate Certificate", Certificate: text(ours.certificate)}, providers.StateIssued},
		"unknown word":                         {orderFields{Status: "Frozen", Certificate: text(ours.certificate)}, providers.StateIssuing},
		"activated":                            {issued(ours.csr, ours.certificate), providers.StateIssued},
		"activated without a certificate":      {issued(ours.csr, ""), providers.StateIssuing},
		"activated, certificate of before":     {issued(ours.csr, other.certificate), providers.StateIssuing},
		"activated, no CSR told":               {issued("", other.certificate), providers.StateIssued},
		"activated, chain in front of leaf":    {issued(ours.csr, ca.certificate, ours.certificate), providers.StateIssued},
		"activated, chain and another leaf":    {issued(ours.csr, ca.certificate, other.certificate), providers.StateIssuing},
		"activated, certificate isn't PEM":     {issued(ours.csr, "MIIB"), providers.StateIssued},
		"activated, only the chain is told":    {issued(ours.csr, ca.certificate), providers.StateIssued},
		"activated, CSR in base64 of one line": {issued(base64.StdEncoding.EncodeToString(ours.der), other.certificate), providers.StateIssuing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := test.order.order()
			assert.Equal(t, test.want, order.State)
			assert.NotEmpty(t, order.Detail)
			assert.Equal(t, test.want == providers.StateIssued, len(order.Certificates) > 0)
			if !strings.HasPrefix(name, "unknown") {
				return
			}
			assert.NotContains(t, order.Detail, "Frozen", "the vendor's words stay here")
		})
	}
}

func TestDecodeOrder(t *testing.T) {
	t.Parallel()
	const plain = `"status":"Activated","order_id":9999,"amount":"5.20","primary_domain":"Test.com.","period":1,
		"csr":"","certificate":"PEM","certificate_chain":"","domains_included":["www.test.com","test.com"],
		"valid_from":"2026-12-01","valid_till":"2027-12-01","contacts":[]`
	for name, body := range map[string]string{
		"fields at the top":  `{"success":true,` + plain + `}`,
		"fields in order":    `{"success":true,"order":{` + plain + `}}`,
		"order is a list":    `{"success":true,"order":[],` + plain + `}`,
		"names in one text":  `{"success":true,` + strings.Replace(plain, `["www.test.com","test.com"]`, `"www.test.com, test.com"`, 1) + `}`,
		"names in an object": `{"success":true,` + strings.Replace(plain, `["www.test.com","test.com"]`, `{"0":"www.test.com","1":"test.com"}`, 1) + `}`,
		"numbers as texts":   `{"success":true,` + strings.NewReplacer(`9999`, `"9999"`, `"period":1`, `"period":"1"`, `"5.20"`, `5.20`).Replace(plain) + `}`,
		"amount is missing":  `{"success":true,` + strings.Replace(plain, `"5.20"`, `null`, 1) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := decodeStatus(t, body).order()
			assert.Equal(t, providers.IDs{orderID: "9999"}, order.IDs)
			assert.Equal(t, []string{"test.com", "www.test.com"}, order.Names)
			assert.Equal(t, time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC), order.PaidUntil)
			assert.Equal(t, [][]byte{[]byte("PEM")}, order.Certificates)
			if name == "amount is missing" {
				assert.Nil(t, order.Price)
				return
			}
			assert.Equal(t, "5.20", order.Price.String())
		})
	}
}

func TestPaidUntil(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return d
	}
	tests := map[string]struct {
		from, till, period text
		want               time.Time
	}{
		"the term":                  {"2026-12-01", "2027-12-01", "1", day("2027-12-01")},
		"two years":                 {"2026-12-01", "2028-11-30", "2", day("2028-11-30")},
		"the certificate's life":    {"2026-12-01", "2027-06-18", "1", time.Time{}},
		"one year of two":           {"2026-12-01", "2027-12-01", "2", time.Time{}},
		"nothing yet":               {"", "", "1", time.Time{}},
		"PHP's empty date":          {"0000-00-00", "0000-00-00", "1", time.Time{}},
		"no period":                 {"2026-12-01", "2027-12-01", "", time.Time{}},
		"not a date":                {"2026-12-01", "soon", "1", time.Time{}},
		"a few days are left out":   {"2026-12-03", "2027-12-01", "1", day("2027-12-01")},
		"blanks around":             {" 2026-12-01", "2027-12-01\n", " 1", day("2027-12-01")},
		"a year is shorter than it": {"2026-12-01", "2027-11-01", "1", time.Time{}},
	}
	for name, test := range tests {
		o := orderFields{ValidFrom: test.from, ValidTill: test.till, Period: test.period}
		assert.Equal(t, test.want, o.paidUntil(), name)
	}
}

func TestSameCSR(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, false), newPair(t, false)
	oneLine := base64.StdEncoding.EncodeToString(ours.der)
	assert.True(t, sameCSR([]byte(ours.csr), []byte(ours.csr)))
	assert.True(t, sameCSR([]byte(strings.ReplaceAll(ours.csr, "\n", "\r\n")), []byte(ours.csr)))
	assert.True(t, sameCSR([]byte(oneLine), []byte(ours.csr)))
	assert.True(t, sameCSR([]byte(oneLine[:64]+"\n"+oneLine[64:]), []byte(ours.csr)))
	assert.False(t, sameCSR([]byte(other.csr), []byte(ours.csr)))
	assert.False(t, sameCSR(nil, nil), "nothing equals nothing")
	assert.False(t, sameCSR([]byte(" \n"), []byte("!")))
}
