package sandbox

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"time"
)

// reselloWords are the vendor's words for states: the first two are documented.
var reselloWords = map[State]string{
	StateUnconfigured: "pending", StateAwaitingValidation: "pending", StateIssuing: "pending", StateIssued: "active",
	StateRejected: "rejected", StateCancelled: "cancelled", StateExpired: "expired", StateSuperseded: "replaced",
}

// reselloReference is the newest client reference of an order.
func reselloReference(o *Order) string {
	for _, issuance := range slices.Backward(o.Issuances) {
		if issuance.Reference != "" {
			return issuance.Reference
		}
	}
	return ""
}

// object is a certificate object.
func (s *Resello) object(o *Order, call reselloCall) map[string]any {
	word := reselloWords[o.State]
	if call.StatusWord != "" {
		word = call.StatusWord
	}
	object := map[string]any{"id": reselloID(o.ID), "status": word}
	if s.options.Sparse {
		return object
	}
	object["client_reference"] = reselloReference(o)
	object["plan"] = map[string]any{"id": ReselloPlan(o.Product), "name": s.planName(o.Product)}
	object["domain"] = o.CommonName()
	object["created_at"] = o.PlacedAt.UTC().Format(time.RFC3339)
	object["expires_at"] = o.PaidUntil.UTC().Format(time.RFC3339)
	if current := o.Current(); current != nil {
		object["dcv_type"] = reselloMethodWord(current.Domains[0].Method)
	}
	return object
}

func reselloMethodWord(method Method) string {
	for word, known := range reselloMethodWords {
		if known == method {
			return word
		}
	}
	return ""
}

func (s *Resello) planName(product string) string {
	article, err := s.engine.Product(product)
	if err != nil {
		return ""
	}
	return article.Name
}

func (s *Resello) planObject(product Product) map[string]any {
	return map[string]any{
		"id": ReselloPlan(product.ID), "name": product.Name, "interval": 12, "description": product.Name + ", one year",
		"price": product.Prices[0].String(), "grace_period": 30,
	}
}

func (s *Resello) plans(call reselloCall) (any, error) {
	ids, name := call.query.Get("id"), strings.ToLower(call.query.Get("name"))
	rows := []any{}
	for _, product := range s.engine.Products() {
		wanted := ids == "" || slices.Contains(strings.Split(ids, ","), ReselloPlan(product.ID))
		if wanted && strings.Contains(strings.ToLower(product.Name), name) {
			rows = append(rows, s.planObject(product))
		}
	}
	return reselloPaged(call, rows)
}

func (s *Resello) plan(call reselloCall) (any, error) {
	product, err := s.engine.Product(reselloNumber(call.id))
	if err != nil {
		return nil, refuse(ErrNotFound, "there is no plan %q", call.id)
	}
	return s.planObject(product), nil
}

// details tell what is validated and how.
func (s *Resello) details(call reselloCall) (any, error) {
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	current := o.Current()
	if s.options.NoDetails || current == nil {
		return map[string]any{}, nil
	}
	domains := []any{}
	for _, domain := range current.Domains {
		domains = append(domains, s.domain(domain))
	}
	return map[string]any{"dcv_type": reselloMethodWord(current.Domains[0].Method), "domains": domains}, nil
}

func (s *Resello) domain(domain *Domain) map[string]any {
	status := "pending"
	if !domain.ValidatedAt.IsZero() {
		status = "completed"
	}
	challenge := domain.Challenge
	object := map[string]any{"domain": domain.Name, "status": status}
	switch domain.Method {
	case MethodDNS:
		if s.options.ZoneLines {
			object["instruction"] = challenge.RecordName + " 3600 IN " + challenge.RecordType + " " + challenge.RecordValue
			break
		}
		object["record"] = map[string]any{"type": challenge.RecordType, "name": challenge.RecordName, "value": challenge.RecordValue}
	case MethodHTTP, MethodHTTPS:
		object["file"] = map[string]any{"filename": challenge.FileName, "content": challenge.FileBody}
	case MethodEmail:
		object["email_address"] = domain.Email
	}
	return object
}

// certificate is what can be downloaded: not one that a reissue made invalid.
func (s *Resello) certificate(call reselloCall) ([]string, error) {
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	certificate := o.Certificate()
	if certificate == nil || o.State != StateIssued && !certificate.RevokedAt.IsZero() {
		return nil, refuse(ErrState, "the certificate is not active yet")
	}
	return certificate.PEM, nil
}

func (s *Resello) leaf(call reselloCall) (any, error) {
	blocks, err := s.certificate(call)
	if err != nil {
		return nil, err
	}
	return reselloFile{"certificate.crt", []byte(blocks[0])}, nil
}

func (s *Resello) intermediates(call reselloCall) (any, error) {
	blocks, err := s.certificate(call)
	if err != nil {
		return nil, err
	}
	return reselloFile{"certificate.ca", []byte(strings.Join(blocks[1:], ""))}, nil
}

func (s *Resello) csr(call reselloCall) (any, error) {
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	if o.Current() == nil {
		return nil, refuse(ErrState, "there is no CSR")
	}
	return reselloFile{"certificate.csr", []byte(o.Current().CSR)}, nil
}

func (s *Resello) pkcs7(call reselloCall) (any, error) {
	blocks, err := s.certificate(call)
	if err != nil {
		return nil, err
	}
	content, err := certificatesOnly(blocks)
	return reselloFile{"certificate.p7b", content}, err
}

func (s *Resello) zip(call reselloCall) (any, error) {
	blocks, err := s.certificate(call)
	if err != nil {
		return nil, err
	}
	content, err := zipped(map[string]string{"certificate.crt": blocks[0], "certificate.ca": strings.Join(blocks[1:], "")})
	return reselloFile{"certificate.zip", content}, err
}

// zipped packs files by name.
func zipped(files map[string]string) ([]byte, error) {
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	for name, content := range files {
		file, err := writer.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write([]byte(content)); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return archive.Bytes(), err
}
