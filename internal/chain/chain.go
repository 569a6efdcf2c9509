// Package chain turns what a reseller delivers as "the certificate" into a checked chain: it finds
// certificates in PEM, DER, PKCS#7 and ZIP data, picks the leaf by the key of the CSR, orders the
// intermediates by signature and leaves the root out.
//
// All input is hostile: sizes, counts and nesting are bounded and nothing panics.
package chain

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// maxIntermediates bounds a chain; publicly trusted ones have one to three.
const maxIntermediates = 8

// Requirement is what a leaf must fulfil.
type Requirement struct {
	// CSR decides the leaf: its key must be this CSR's.
	CSR *x509.CertificateRequest
	// Names are the DNS names to cover; empty means Names(CSR).
	Names []string
	// Now is the time at which all certificates of the chain must be valid.
	Now time.Time
	// Extra are certificates that may complete the chain: a configured bundle, or what an
	// AIA Fetcher found. The delivered ones are preferred. Roots among them are allowed.
	Extra []*x509.Certificate
}

// Chain is a leaf with the intermediates that lead from it towards a root, which is left out.
type Chain struct {
	Leaf *x509.Certificate
	// Intermediates are in signing order: the first one issued the leaf. Empty if a self-signed
	// root issued the leaf.
	Intermediates []*x509.Certificate
}

// PEM returns the leaf and the intermediates, ready for a Secret's tls.crt.
func (c Chain) PEM() []byte {
	var out bytes.Buffer
	for _, cert := range append([]*x509.Certificate{c.Leaf}, c.Intermediates...) {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return out.Bytes()
}

// Serial returns the leaf's serial number in lower-case hex, an even number of digits.
func (c Chain) Serial() string { return serial(c.Leaf.SerialNumber) }

// NotBefore returns the start of the leaf's validity.
func (c Chain) NotBefore() time.Time { return c.Leaf.NotBefore }

// NotAfter returns the end of the leaf's validity.
func (c Chain) NotAfter() time.Time { return c.Leaf.NotAfter }

// SHA256 returns the leaf's fingerprint: SHA-256 of its DER, lower-case hex.
func (c Chain) SHA256() string {
	sum := sha256.Sum256(c.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}

func serial(n *big.Int) string { return hex.EncodeToString(n.Bytes()) }

// Build picks the leaf among certs and checks it: key of the CSR, not a CA, all names, server-auth
// usage, validity; and a chain by signature to the last certificate whose issuer is not in the
// set, or to a self-signed root, which is dropped. Unrelated certificates are ignored.
//
// A chain is complete with one intermediate, because the root is usually not delivered. A leaf
// alone is complete only if a self-signed root of the set issued it. Errors are *Error.
func Build(certs []*x509.Certificate, req Requirement) (Chain, error) {
	leaf, err := pickLeaf(certs, req)
	if err != nil {
		return Chain{}, err
	}
	path, err := climb(leaf, slices.Concat(certs, req.Extra), req.Now)
	if err != nil {
		return Chain{}, err
	}
	if err := verify(leaf, path, req.Now); err != nil {
		return Chain{}, err
	}
	return Chain{Leaf: leaf, Intermediates: slices.DeleteFunc(path, isRoot)}, nil
}

// pickLeaf returns the newest certificate with the CSR's key that passes all checks. An archive
// may hold older ones, because a reissue may keep the key.
func pickLeaf(certs []*x509.Certificate, req Requirement) (*x509.Certificate, error) {
	ours := slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool {
		return req.CSR == nil || !SameKey(c.PublicKey, req.CSR.PublicKey)
	})
	if len(ours) == 0 {
		return nil, noLeaf(certs)
	}
	slices.SortStableFunc(ours, newestFirst)
	var newest *Error
	for _, cert := range ours {
		err := checkLeaf(cert, req)
		if err == nil {
			return cert, nil
		}
		newest = cmp.Or(newest, err)
	}
	return nil, newest
}

func newestFirst(a, b *x509.Certificate) int {
	return cmp.Or(b.NotBefore.Compare(a.NotBefore), b.NotAfter.Compare(a.NotAfter))
}

// noLeaf tells a delivery without any leaf from one with somebody else's leaf.
func noLeaf(certs []*x509.Certificate) *Error {
	leaves := slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool { return c.IsCA })
	if len(leaves) == 0 {
		return &Error{Reason: ReasonEmpty, Message: "there is no leaf certificate in the answer"}
	}
	slices.SortStableFunc(leaves, newestFirst)
	return &Error{
		Reason:  ReasonWrongKey,
		Serial:  serial(leaves[0].SerialNumber),
		Message: "its key is not the key of the certificate signing request",
	}
}

// checkLeaf checks what waiting can't heal first, so that an early certificate is not waited for
// in vain.
func checkLeaf(cert *x509.Certificate, req Requirement) *Error {
	fail := &Error{Serial: serial(cert.SerialNumber)}
	names := req.Names
	if len(names) == 0 {
		names = Names(req.CSR)
	}
	switch {
	case cert.IsCA:
		fail.Reason, fail.Message = ReasonIsCA, "it is a CA certificate"
	case len(uncovered(cert.DNSNames, names)) > 0:
		fail.Reason, fail.Missing = ReasonMissingNames, uncovered(cert.DNSNames, names)
		fail.Message = printable("it does not cover " + strings.Join(fail.Missing, ", "))
	case !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth):
		fail.Reason, fail.Message = ReasonNoServerAuth, "it lacks the extended key usage for servers"
	case req.Now.After(cert.NotAfter):
		fail.Reason = ReasonExpired
		fail.Message = "it expired at " + cert.NotAfter.UTC().Format(time.RFC3339)
	case req.Now.Before(cert.NotBefore):
		fail.Reason, fail.ValidFrom = ReasonNotYetValid, cert.NotBefore
		fail.Message = "it is valid from " + cert.NotBefore.UTC().Format(time.RFC3339)
	default:
		return nil
	}
	return fail
}

// climb returns the issuers above leaf in order, up to a root or to the last one that is known.
func climb(leaf *x509.Certificate, pool []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	var path []*x509.Certificate
	for cert := leaf; len(path) < maxIntermediates && !isRoot(cert); {
		issuer := issuerOf(cert, pool, path, now)
		if issuer == nil {
			break
		}
		path = append(path, issuer)
		cert = issuer
	}
	if len(path) == 0 {
		return nil, noIssuer(leaf, pool)
	}
	return path, nil
}

// issuerOf returns the valid certificate that signed cert. A cross-signed variant beats the
// self-signed root with the same key: who delivers it wants older clients to be served. Expired
// ones are no issuers, so that an outdated cross-signature never breaks a chain.
func issuerOf(cert *x509.Certificate, pool, path []*x509.Certificate, now time.Time) *x509.Certificate {
	var root *x509.Certificate
	for _, candidate := range pool {
		switch {
		case !bytes.Equal(candidate.RawSubject, cert.RawIssuer),
			now.Before(candidate.NotBefore), now.After(candidate.NotAfter),
			slices.ContainsFunc(path, func(c *x509.Certificate) bool { return SameKey(c.PublicKey, candidate.PublicKey) }),
			cert.CheckSignatureFrom(candidate) != nil:
		case isRoot(candidate):
			root = candidate
		default:
			return candidate
		}
	}
	return root
}

// isRoot goes by names and key identifiers, not by the signature: some roots that are still in use
// signed themselves with SHA-1, which crypto/x509 refuses to check.
func isRoot(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawSubject, cert.RawIssuer) &&
		(len(cert.AuthorityKeyId) == 0 || bytes.Equal(cert.AuthorityKeyId, cert.SubjectKeyId))
}

// noIssuer tells an issuer that is missing from one that is there but did not sign the leaf. Equal
// names alone prove nothing: CAs keep their name when they change their key.
func noIssuer(leaf *x509.Certificate, pool []*x509.Certificate) *Error {
	for _, candidate := range pool {
		sameKeyID := len(leaf.AuthorityKeyId) > 0 && bytes.Equal(leaf.AuthorityKeyId, candidate.SubjectKeyId)
		if !sameKeyID || !bytes.Equal(candidate.RawSubject, leaf.RawIssuer) {
			continue
		}
		if err := leaf.CheckSignatureFrom(candidate); err != nil {
			return badSignature(leaf, err)
		}
	}
	return &Error{
		Reason:  ReasonIntermediatesMissing,
		Serial:  serial(leaf.SerialNumber),
		Issuer:  printable(leaf.Issuer.String()),
		AIA:     leaf.IssuingCertificateURL,
		Message: printable(fmt.Sprintf("its issuer %q was not delivered", leaf.Issuer.String())),
	}
}

// verify lets crypto/x509 judge the finished path too: it knows path lengths, name constraints,
// nested key usages and critical extensions.
func verify(leaf *x509.Certificate, path []*x509.Certificate, now time.Time) error {
	anchors, between := x509.NewCertPool(), x509.NewCertPool()
	anchors.AddCert(path[len(path)-1])
	for _, cert := range path[:len(path)-1] {
		between.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         anchors,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return badSignature(leaf, err)
	}
	return nil
}

func badSignature(leaf *x509.Certificate, err error) *Error {
	return &Error{
		Reason:  ReasonBadSignature,
		Serial:  serial(leaf.SerialNumber),
		Message: printable("its chain does not verify: " + err.Error()),
		Err:     err,
	}
}
