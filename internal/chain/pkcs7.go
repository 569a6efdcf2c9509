package chain

import (
	"bytes"
	"errors"
)

// Tags of ASN.1 and of PKCS#7 SignedData (RFC 2315 section 9.1, RFC 5652 section 5.1).
const (
	tagSequence = 0x30
	tagOID      = 0x06
	tagContext0 = 0xA0
)

// oidSignedData is 1.2.840.113549.1.7.2, encoded.
var oidSignedData = []byte{0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02}

var errBER = errors.New("malformed BER")

// maxNesting of indefinite lengths; SignedData needs five levels.
const maxNesting = 16

// element is one BER element: raw with tag and length, content without.
type element struct {
	tag          byte
	raw, content []byte
}

// signedCertificates returns the DER certificates in PKCS#7 SignedData, none if the element is
// something else. It is a reader of its own, because certificate-only PKCS#7 is often BER with
// indefinite lengths, which encoding/asn1 refuses. The converter to DER in smallstep/pkcs7 lets
// children reach beyond their parent and reads them again and again: a hundred bytes cost minutes.
func signedCertificates(info element) [][]byte {
	fields := children(info)
	if len(fields) < 2 || fields[0].tag != tagOID || !bytes.Equal(fields[0].content, oidSignedData) || fields[1].tag != tagContext0 {
		return nil
	}
	var certs [][]byte
	for _, signedData := range children(fields[1]) {
		for _, field := range children(signedData) {
			if field.tag != tagContext0 {
				continue
			}
			for _, cert := range children(field) {
				certs = append(certs, cert.raw)
			}
		}
	}
	return certs
}

// children returns the elements inside a constructed element, up to the first malformed one.
func children(parent element) []element {
	if parent.tag&0x20 == 0 {
		return nil
	}
	return elements(parent.content)
}

// elements splits data into consecutive elements and drops what is malformed behind them.
func elements(data []byte) []element {
	var list []element
	for len(data) > 0 && len(list) < maxElements {
		e, rest, err := readElement(data, maxNesting)
		if err != nil {
			return list
		}
		list, data = append(list, e), rest
	}
	return list
}

// readElement splits the first element off data. depth bounds the nesting of indefinite lengths.
func readElement(data []byte, depth int) (element, []byte, error) {
	if len(data) < 2 || depth == 0 || data[0]&0x1F == 0x1F {
		return element{}, nil, errBER
	}
	length, header, err := readLength(data)
	if err != nil {
		return element{}, nil, err
	}
	if length >= 0 {
		if length > len(data)-header {
			return element{}, nil, errBER
		}
		end := header + length
		return element{tag: data[0], raw: data[:end], content: data[header:end]}, data[end:], nil
	}
	rest := data[header:]
	for !bytes.HasPrefix(rest, []byte{0, 0}) {
		if _, rest, err = readElement(rest, depth-1); err != nil {
			return element{}, nil, err
		}
	}
	end := len(data) - len(rest)
	return element{tag: data[0], raw: data[:end+2], content: data[header:end]}, rest[2:], nil
}

// readLength returns the length that stands behind a one-byte tag and the size of tag and length;
// -1 is the indefinite length, which only constructed elements may have.
func readLength(data []byte) (length, header int, err error) {
	first := data[1]
	switch {
	case first < 0x80:
		return int(first), 2, nil
	case first == 0x80 && data[0]&0x20 != 0:
		return -1, 2, nil
	case first == 0x80 || first > 0x84:
		return 0, 0, errBER
	}
	header = 2 + int(first&0x7F)
	if header > len(data) {
		return 0, 0, errBER
	}
	for _, b := range data[2:header] {
		length = length<<8 | int(b)
	}
	if length < 0 || length > maxTotal {
		return 0, 0, errBER
	}
	return length, header, nil
}
