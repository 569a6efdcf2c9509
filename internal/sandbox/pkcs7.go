package sandbox

import (
	"encoding/asn1"
	"encoding/pem"
	"fmt"
)

var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
)

// contentInfo is the outer part of a PKCS#7 message (RFC 2315 section 7).
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional"`
}

// signedData has certificates and neither content nor signatures.
type signedData struct {
	Version      int
	Digests      []asn1.RawValue `asn1:"set"`
	Content      contentInfo
	Certificates asn1.RawValue
	Signers      []asn1.RawValue `asn1:"set"`
}

// certificatesOnly packs PEM certificates into a PKCS#7 message in DER.
func certificatesOnly(blocks []string) ([]byte, error) {
	var certificates []byte
	for _, text := range blocks {
		if block, _ := pem.Decode([]byte(text)); block != nil {
			certificates = append(certificates, block.Bytes...)
		}
	}
	inner, err := asn1.Marshal(signedData{
		Version: 1, Content: contentInfo{Type: oidData},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: certificates},
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: pkcs7: %w", err)
	}
	return asn1.Marshal(contentInfo{
		Type:    oidSignedData,
		Content: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner},
	})
}
