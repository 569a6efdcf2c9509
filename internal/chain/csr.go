package chain

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
)

const (
	maxCSRSize = 64 << 10
	csrType    = "CERTIFICATE REQUEST"
)

// ParseCSR reads the first PKCS#10 request of a PEM text (line breaks may be missing or CRLF, "NEW
// CERTIFICATE REQUEST" is accepted) and checks that its signature is by its own key. Errors are
// *Error with ReasonUnparsable or ReasonBadSignature.
func ParseCSR(text []byte) (*x509.CertificateRequest, error) {
	if len(text) > maxCSRSize {
		return nil, unparsable("the CSR is larger than %d bytes", maxCSRSize)
	}
	for block := range pemBlocks(text) {
		if block.label != csrType && block.label != "NEW "+csrType {
			continue
		}
		csr, err := x509.ParseCertificateRequest(block.data)
		if err != nil {
			return nil, &Error{Reason: ReasonUnparsable, Message: printable("the CSR is malformed: " + err.Error()), Err: err}
		}
		if !plausibleKey(csr.PublicKey) {
			return nil, unparsable("the CSR's RSA key is larger than %d bits", maxRSABits)
		}
		if err := csr.CheckSignature(); err != nil {
			return nil, &Error{Reason: ReasonBadSignature, Message: printable("the CSR's signature is not by its key: " + err.Error()), Err: err}
		}
		return csr, nil
	}
	return nil, unparsable("there is no PEM block %q", csrType)
}

// Digest returns SHA-256 of the CSR's DER in lower-case hex: its identity in ledger and recovery.
func Digest(csr *x509.CertificateRequest) string {
	sum := sha256.Sum256(csr.Raw)
	return hex.EncodeToString(sum[:])
}

// SameKey reports whether two public keys of crypto/x509 (RSA, ECDSA, Ed25519) are equal. Unknown
// key types equal nothing.
func SameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// CSRPEM returns the CSR as PEM in lines of 64 characters, without anything that stood around it.
func CSRPEM(csr *x509.CertificateRequest) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: csrType, Bytes: csr.Raw}))
}

// CSRBase64 returns the CSR's DER as one line of base64 without header and footer.
func CSRBase64(csr *x509.CertificateRequest) string {
	return base64.StdEncoding.EncodeToString(csr.Raw)
}

// CSRThreeLines returns the form that AutoDNS wants: header, one unbroken line of base64 and
// footer joined by CRLF, as InterNetX's public SDKs send it
// (https://github.com/InterNetX/php-domainrobot-sdk).
func CSRThreeLines(csr *x509.CertificateRequest) string {
	return strings.Join([]string{"-----BEGIN " + csrType + "-----", CSRBase64(csr), "-----END " + csrType + "-----"}, "\r\n")
}
