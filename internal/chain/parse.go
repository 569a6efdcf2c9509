package chain

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"strings"
)

// Limits of Parse. A real delivery has about ten certificates of 2 KiB.
const (
	maxInput        = 2 << 20 // bytes given to Parse
	maxTotal        = 4 << 20 // bytes looked at, unpacked and decoded ones included
	maxCertificates = 64
	maxElements     = 256
	maxZIPEntries   = 64
	maxLayers       = 4 // base64 in base64, ZIP in base64, PKCS#7 in ZIP, ...
	maxRSABits      = 8192
)

var (
	errTooMuch = errors.New("it unpacks to more than the limit")
	errTooMany = errors.New("it holds too many certificates or files")
)

// Parse returns all certificates in data without duplicates, in order of appearance. The format is
// recognised by content: PEM with any text around it, DER (also several in a row), PKCS#7 as PEM,
// DER or BER, a ZIP of these, each also wrapped in base64. Other PEM blocks and files, private keys
// among them, and certificates that crypto/x509 can't read are skipped. Errors are *Error with
// ReasonEmpty (no data), ReasonUnparsable (no certificate found, or too large).
func Parse(data []byte) ([]*x509.Certificate, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Reason: ReasonEmpty, Message: "the answer is empty"}
	}
	if len(data) > maxInput {
		return nil, unparsable("the answer is larger than %d bytes", maxInput)
	}
	c := collector{budget: maxTotal, seen: map[string]bool{}}
	if err := c.collect(data, maxLayers); err != nil {
		return nil, &Error{Reason: ReasonUnparsable, Message: "the answer can't be used: " + err.Error(), Err: err}
	}
	if len(c.certs) == 0 {
		e := unparsable("the answer holds no certificate that can be read")
		e.Err = c.malformed
		return nil, e
	}
	return c.certs, nil
}

// collector gathers certificates while it counts what may still be unpacked.
type collector struct {
	certs     []*x509.Certificate
	seen      map[string]bool // by DER
	budget    int
	malformed error // of the first certificate that could not be read
}

// collect adds the certificates in data, looking through the given number of layers. Data that is
// nothing known is no error: an archive holds other files too.
func (c *collector) collect(data []byte, layers int) error {
	if c.budget -= len(data); c.budget < 0 {
		return errTooMuch
	}
	if layers == 0 {
		return nil
	}
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), " \t\r\n")
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return c.collectZIP(data, layers-1)
	case bytes.Contains(data, pemBegin):
		return c.collectPEM(data)
	}
	if found, err := c.collectBER(data); found || err != nil {
		return err
	}
	if decoded, ok := decodeBase64(data); ok {
		return c.collect(decoded, layers-1)
	}
	return nil
}

func (c *collector) collectPEM(text []byte) error {
	for block := range pemBlocks(text) {
		// PKCS#7 is found under both names.
		if !strings.HasSuffix(block.label, "CERTIFICATE") && !strings.HasPrefix(block.label, "PKCS") && block.label != "CMS" {
			continue
		}
		if _, err := c.collectBER(block.data); err != nil {
			return err
		}
	}
	return nil
}

// collectBER reads certificates and PKCS#7, one after the other, and reports if there were any.
func (c *collector) collectBER(data []byte) (found bool, err error) {
	for _, e := range elements(data) {
		if e.tag != tagSequence {
			continue
		}
		list := signedCertificates(e)
		if list == nil {
			list = [][]byte{e.raw}
		}
		for _, der := range list {
			added, err := c.add(der)
			if err != nil {
				return found, err
			}
			found = found || added
		}
	}
	return found, nil
}

// add parses one certificate and reports if it is one.
func (c *collector) add(der []byte) (bool, error) {
	if c.seen[string(der)] {
		return true, nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil || !plausibleKey(cert.PublicKey) {
		if c.malformed == nil {
			c.malformed = err
		}
		return false, nil
	}
	if len(c.certs) == maxCertificates {
		return false, errTooMany
	}
	c.seen[string(der)] = true
	c.certs = append(c.certs, cert)
	return true, nil
}

// collectZIP unpacks every file, but never more than the budget, whatever the headers claim.
func (c *collector) collectZIP(data []byte, layers int) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if len(archive.File) > maxZIPEntries {
		return errTooMany
	}
	for _, file := range archive.File {
		content, ok := unpack(file, int64(c.budget))
		if !ok {
			continue
		}
		if err := c.collect(content, layers); err != nil {
			return err
		}
	}
	return nil
}

// unpack returns up to limit+1 bytes of a file; encrypted and damaged files are not ok.
func unpack(file *zip.File, limit int64) ([]byte, bool) {
	const encrypted = 0x1
	if file.FileInfo().IsDir() || file.Flags&encrypted != 0 {
		return nil, false
	}
	reader, err := file.Open()
	if err != nil {
		return nil, false
	}
	content, err := io.ReadAll(io.LimitReader(reader, limit+1))
	return content, errors.Join(err, reader.Close()) == nil
}

// decodeBase64 decodes either alphabet, with or without padding and line breaks.
func decodeBase64(text []byte) ([]byte, bool) {
	compact := bytes.TrimRight(withoutSpace(text), "=")
	if len(compact) < 4 {
		return nil, false
	}
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(compact, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.AppendDecode(nil, compact)
	return decoded, err == nil
}

// plausibleKey refuses RSA keys whose size only costs time: crypto/tls has the same limit.
func plausibleKey(key crypto.PublicKey) bool {
	rsaKey, ok := key.(*rsa.PublicKey)
	return !ok || rsaKey.N.BitLen() <= maxRSABits
}
