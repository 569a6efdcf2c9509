package sandbox

import (
	"crypto/md5" //nolint:gosec // the CA's own scheme: a label, not a protection
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Challenge is everything that may be published to validate one name, by any method.
type Challenge struct {
	Name string `json:"name"`
	// RecordName is absolute, with a trailing dot; RecordType is CNAME or TXT.
	RecordName  string `json:"recordName"`
	RecordType  string `json:"recordType"`
	RecordValue string `json:"recordValue"`
	// FileName, FilePath and FileBody are empty for wildcards, which can't be
	// validated by file.
	FileName string `json:"fileName,omitempty"`
	FilePath string `json:"filePath,omitempty"`
	FileBody string `json:"fileBody,omitempty"`
	// Emails are the mailboxes that may approve.
	Emails []string `json:"emails"`

	// method is set on the copies that are handed to a Validator.
	method Method
}

// Method is how the name is to be validated; it is only set on what a Validator gets.
func (c Challenge) Method() Method { return c.method }

// token is what the CA derives from a CSR. Record and file follow Sectigo's scheme:
// the MD5 and SHA-256 of the DER form plus a value that is unique per order
// (docs.sectigo.com, "request token").
type token struct {
	md5, sha256, unique string
}

// newToken computes the token of a CSR. The unique part depends on account and CSR
// only, so that challenges asked for before ordering hold for the order; salt
// breaks that on purpose.
func newToken(account string, csr CSR, salt string) token {
	der := csr.Request.Raw
	short := md5.Sum(der) //nolint:gosec // see the import
	long := sha256.Sum256(der)
	unique := sha256.Sum256([]byte(account + "\x00" + string(der) + "\x00" + salt))
	return token{
		md5:    strings.ToUpper(hex.EncodeToString(short[:])),
		sha256: hex.EncodeToString(long[:]),
		unique: "s" + hex.EncodeToString(unique[:])[:15],
	}
}

// approvers are the local parts that the CA/Browser Forum allows (Baseline
// Requirements 3.2.2.4.4).
var approvers = []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"}

func (t token) challenge(product Product, name string) Challenge {
	base := baseName(name)
	challenge := Challenge{Name: name}
	if product.TXT {
		challenge.RecordName, challenge.RecordType = "_dnsauth."+base+".", "TXT"
		challenge.RecordValue = t.sha256[:32] + t.unique
		if product.TXTAtName {
			challenge.RecordName = base + "."
		}
	} else {
		challenge.RecordName, challenge.RecordType = "_"+t.md5+"."+base+".", "CNAME"
		challenge.RecordValue = strings.Join(t.parts(t.sha256[:32], t.sha256[32:]), ".") + ".sectigo.com."
	}
	if !isWildcard(name) {
		challenge.FileName = t.md5 + ".txt"
		challenge.FilePath = "/.well-known/pki-validation/" + challenge.FileName
		challenge.FileBody = strings.Join(t.parts(t.sha256, "sectigo.com"), "\n")
	}
	if product.Certum {
		challenge.certum(t)
	}
	for _, local := range approvers {
		challenge.Emails = append(challenge.Emails, local+"@"+base)
	}
	return challenge
}

// parts adds the unique value, which a plain token lacks.
func (t token) parts(parts ...string) []string {
	if t.unique != "" {
		parts = append(parts, t.unique)
	}
	return parts
}

// certum turns the record and file into Certum's: one random code of 63 digits, as TXT
// record at the name itself, or in the file certum.txt.
func (c *Challenge) certum(t token) {
	sum := sha256.Sum256([]byte(t.md5 + t.unique))
	code := hex.EncodeToString(sum[:])[:63]
	c.RecordName, c.RecordType, c.RecordValue = baseName(c.Name)+".", "TXT", code
	if c.FileName != "" {
		c.FileName = "certum.txt"
		c.FilePath = "/.well-known/pki-validation/" + c.FileName
		c.FileBody = code + "-certum.pl"
	}
}

// chooseMethod checks that a product validates name by method and, for e-mail,
// picks the address out of emails that may approve the name. With parents, an address at a
// domain above the name will do, as CAs allow it.
func chooseMethod(product Product, challenge Challenge, method Method, emails []string, parents bool) (string, error) {
	switch {
	case !product.Offers(method):
		return "", refuse(ErrMethod, "product %s cannot be validated by %q", product.ID, method)
	case (method == MethodHTTP || method == MethodHTTPS) && isWildcard(challenge.Name):
		return "", refuse(ErrMethod, "the wildcard %q cannot be validated by file", challenge.Name)
	case method != MethodEmail:
		return "", nil
	}
	for _, email := range emails {
		email = strings.ToLower(strings.TrimSpace(email))
		if slices.Contains(challenge.Emails, email) || parents && aboveName(challenge.Name, email) {
			return email, nil
		}
	}
	return "", refuse(ErrMethod, "no approver address for %q was given", challenge.Name)
}

// aboveName reports whether an address is one of the constructed ones at a domain above a name.
func aboveName(name, email string) bool {
	local, domain, _ := strings.Cut(email, "@")
	return slices.Contains(approvers, local) && strings.Contains(domain, ".") && strings.HasSuffix(baseName(name), "."+domain)
}
