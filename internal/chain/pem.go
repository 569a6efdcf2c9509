package chain

import (
	"bytes"
	"encoding/base64"
	"iter"
)

var (
	pemBegin = []byte("-----BEGIN ")
	pemDash  = []byte("-----")
)

type pemBlock struct {
	label string
	data  []byte
}

// pemBlocks yields the PEM blocks of a text. Unlike encoding/pem it does not mind how, or whether,
// the lines are broken: some resellers glue header, body and footer together. Text around the
// blocks, broken blocks and blocks with headers are skipped. The time is linear in the size.
func pemBlocks(text []byte) iter.Seq[pemBlock] {
	return func(yield func(pemBlock) bool) {
		for {
			_, after, found := bytes.Cut(text, pemBegin)
			if !found {
				return
			}
			label, body, _ := bytes.Cut(after, pemDash)
			footer := bytes.Index(body, pemDash)
			if footer < 0 {
				return
			}
			body, text = body[:footer], body[footer:]
			if !bytes.HasPrefix(text, []byte("-----END "+string(label)+"-----")) {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(string(withoutSpace(body)))
			if err == nil && !yield(pemBlock{label: string(label), data: data}) {
				return
			}
		}
	}
}

func withoutSpace(text []byte) []byte { return bytes.Join(bytes.Fields(text), nil) }
