package connectreseller

import (
	"crypto/md5" //nolint:gosec // the CA's own scheme: a label, not a protection
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Where Certum looks for its file, and what is behind the code in it (Certum's public client;
// assumption: unconfirmed on a live account).
const (
	certumFile   = "/.well-known/pki-validation/certum.txt"
	certumSuffix = "-certum.pl"
)

// mailboxes are those to which the CA may send its message (Baseline Requirements 3.2.2.4.4).
// The API neither takes nor tells one before.
var mailboxes = []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"}

// challenges are what the details say; nothing where that isn't understood.
func (d details) challenges() []providers.Challenge {
	domain := d.name()
	base := strings.TrimPrefix(domain, "*.")
	if base == "" {
		return nil
	}
	switch strings.ToUpper(d.Method.word()) {
	case wordTXT:
		if code := certumCode(d.Record); code != "" {
			return []providers.Challenge{{Domain: domain, Method: providers.MethodTXT, RecordName: base + ".", RecordValue: code}}
		}
	case wordFile:
		if code := certumCode(d.Record); code != "" && !isWildcard(domain) {
			return []providers.Challenge{{
				Domain: domain, Method: providers.MethodFile, URLs: []string{"http://" + base + certumFile}, Body: code + certumSuffix,
			}}
		}
	case wordCNAME:
		return sectigoRecord(domain, string(d.Record))
	case wordEmail:
		challenge := providers.Challenge{Domain: domain, Method: providers.MethodEmail}
		for _, mailbox := range mailboxes {
			challenge.Emails = append(challenge.Emails, mailbox+"@"+base)
		}
		return []providers.Challenge{challenge}
	}
	return nil
}

// code is Certum's: 63 hexadecimal digits in the API document's sample; other lengths are taken.
var code = regexp.MustCompile(`^[0-9A-Za-z._-]{8,200}$`)

func certumCode(record text) string {
	if word := record.word(); code.MatchString(word) {
		return word
	}
	return ""
}

// pendingCode is the code of a challenge of Certum that isn't done.
func pendingCode(challenges []providers.Challenge) string {
	for _, c := range challenges {
		switch {
		case c.Done:
		case c.Method == providers.MethodTXT:
			return c.RecordValue
		case c.Method == providers.MethodFile:
			return strings.TrimSuffix(c.Body, certumSuffix)
		}
	}
	return ""
}

// hostname is letters, digits, hyphens and dots, and a leading underscore.
var hostname = regexp.MustCompile(`^_?[0-9a-z-]+(\.[0-9a-z-]+)+$`)

// sectigoTargets are the domains of Sectigo's validation records, the second from before its
// change of name.
var sectigoTargets = []string{".sectigo.com", ".comodoca.com"}

// sectigoRecord reads a text such as "_F2AC.example.com & 998D.663C.sectigo.com", in which there
// may be blanks and line breaks anywhere (API document, section 9.10). A record at a name
// that isn't below the domain isn't taken.
func sectigoRecord(domain, record string) []providers.Challenge {
	owner, target, ok := strings.Cut(strings.ToLower(strings.Join(strings.Fields(record), "")), "&")
	owner, target = strings.TrimSuffix(owner, "."), strings.TrimSuffix(target, ".")
	label, rest, _ := strings.Cut(owner, ".")
	base := strings.TrimPrefix(domain, "*.")
	below := rest == base || strings.HasSuffix(base, "."+rest) && strings.Contains(rest, ".")
	known := slices.ContainsFunc(sectigoTargets, func(suffix string) bool { return strings.HasSuffix(target, suffix) })
	if !ok || !below || !known || !strings.HasPrefix(label, "_") || !hostname.MatchString(owner) || !hostname.MatchString(target) {
		return nil
	}
	return []providers.Challenge{{Domain: domain, Method: providers.MethodCNAME, RecordName: owner + ".", RecordValue: target + "."}}
}

// tokens are the label and the target of Sectigo's CNAME for a CSR, which depend on its DER
// form alone up to a unique value behind them
// (https://docs.sectigo.com/sps/domain-control-validation/request-token).
func tokens(der []byte) (label, target string) {
	short, long := md5.Sum(der), sha256.Sum256(der) //nolint:gosec // see the import
	digest := hex.EncodeToString(long[:])
	return "_" + hex.EncodeToString(short[:]), digest[:32] + "." + digest[32:]
}

// computed is Sectigo's record for a CSR without a unique value.
func computed(request providers.Request) []providers.Challenge {
	csr, err := chain.ParseCSR(request.CSR)
	if err != nil || request.Method != providers.MethodCNAME {
		return nil
	}
	label, target := tokens(csr.Raw)
	return []providers.Challenge{{
		Domain: request.CommonName, Method: providers.MethodCNAME, RecordValue: target + ".sectigo.com.",
		RecordName: label + "." + strings.TrimPrefix(request.CommonName, "*.") + ".",
	}}
}

// ownership tells what challenges prove of an order's CSR.
type ownership int

const (
	// noProof: the CA's data don't depend on the CSR.
	noProof ownership = iota
	ourCSR
	otherCSR
)

// proof compares a CNAME with a CSR.
func proof(challenges []providers.Challenge, csr []byte) ownership {
	parsed, err := chain.ParseCSR(csr)
	if err != nil {
		return noProof
	}
	label, target := tokens(parsed.Raw)
	for _, c := range challenges {
		if c.Method != providers.MethodCNAME {
			continue
		}
		if strings.HasPrefix(c.RecordName, label+".") && strings.HasPrefix(c.RecordValue, target+".") {
			return ourCSR
		}
		return otherCSR
	}
	return noProof
}
