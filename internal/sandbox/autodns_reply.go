package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// autoTime is the vendor's form of a time: the offset has no colon.
const autoTime = "2006-01-02T15:04:05.000-0700"

func writeAutoDNS(w http.ResponseWriter, status int, answer map[string]any) {
	text, err := json.Marshal(answer)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("X-Domainrobot-Stid", autoSTID)
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		return // the client has gone
	}
}

// autoZoneLine is the record as a line of a zone file.
func autoZoneLine(challenge Challenge) string {
	value := challenge.RecordValue
	if challenge.RecordType == "TXT" {
		value = `"` + value + `"`
	}
	return challenge.RecordName + "\t\t300\tIN\t" + challenge.RecordType + "\t\t" + value
}

// autoElement is what to publish by one method: the common name's at the top, those of
// all names in "domains" if there are several. There is none for a wildcard by file.
func autoElement(challenges []Challenge, method, commonName string) (autoAuthentication, bool) {
	var all []autoAuthentication
	for _, challenge := range challenges {
		element := autoAuthentication{Name: challenge.Name, Method: method}
		switch method {
		case "DNS":
			element.DNS = autoZoneLine(challenge)
		case "FILE":
			if challenge.FileName == "" {
				return autoAuthentication{}, false
			}
			element.FileName, element.FileContent = "http://"+challenge.Name+challenge.FilePath, challenge.FileBody
		case "EMAIL":
			element.ApproverEmails = challenge.Emails
		}
		all = append(all, element)
	}
	if len(all) == 0 {
		return autoAuthentication{}, false
	}
	first := all[max(0, slices.IndexFunc(all, func(e autoAuthentication) bool { return e.Name == commonName }))]
	if len(all) > 1 {
		first.Domains = all
	}
	return first, true
}

var autoMethods = map[Method]string{MethodDNS: "DNS", MethodHTTP: "FILE", MethodHTTPS: "FILE", MethodEmail: "EMAIL"}

// autoChosen is the element that an issuance was ordered with.
func autoChosen(issuance *Issuance) autoAuthentication {
	var challenges []Challenge
	for _, domain := range issuance.Domains {
		challenge := domain.Challenge
		if domain.Email != "" {
			challenge.Emails = []string{domain.Email}
		}
		challenges = append(challenges, challenge)
	}
	element, _ := autoElement(challenges, autoMethods[issuance.Domains[0].Method], issuance.Names[0])
	return element
}

// autoStatuses are the vendor's words for the states of a job.
var autoStatuses = map[State]string{
	StateAwaitingValidation: "WAIT", StateIssuing: "RUNNING", StateIssued: "SUCCESS", StateRejected: "FAILED",
	StateCancelled: "CANCELED", StateExpired: "CANCELED", StateSuperseded: "SUCCESS", StateUnconfigured: "DEFERRED",
}

func autoStatus(job Job, call autoCall) string {
	if call.StatusWord != "" {
		return call.StatusWord
	}
	return autoStatuses[job.State]
}

// ended reports whether nothing will happen to the job any more.
func (j Job) ended() bool {
	return j.State != StateAwaitingValidation && j.State != StateIssuing
}

func autoJob(job Job, call autoCall) map[string]any {
	action := "create"
	if job.Issuance.Reissue {
		action = "reissue"
	}
	started := job.Issuance.RequestedAt.Format(autoTime)
	return map[string]any{
		"id": json.Number(job.Issuance.Job), "status": autoStatus(job, call), "action": action, "type": "ssl",
		"subType": autoLabel(job.Order.Product), "created": started, "updated": started, "execution": started,
	}
}

// autoObjectJob is a row of the list of jobs; detailed adds what GET /job tells.
func autoObjectJob(job Job, call autoCall, detailed bool) map[string]any {
	object := map[string]any{"type": "Certificate", "value": job.Issuance.Names[0]}
	result := map[string]any{"job": autoJob(job, call), "object": object}
	if !detailed {
		return result
	}
	data := map[string]any{
		"name": job.Issuance.Names[0], "csr": job.Issuance.CSR, "product": autoLabel(job.Order.Product),
		"authentication": autoChosen(job.Issuance), "subjectAlternativeNames": autoSANs(job.Issuance),
	}
	if job.Issuance.Reissue || job.Issuance.Certificate != nil || job.Order.State == StateIssued {
		data["id"] = json.Number(job.Order.ID)
	}
	object["data"] = data
	step, dcv := "COMPLETED", []any{}
	for _, domain := range job.Issuance.Domains {
		word := "COMPLETED"
		if domain.ValidatedAt.IsZero() {
			word, step = "NOT_COMPLETED", "IN_PROGRESS"
		}
		dcv = append(dcv, map[string]any{"domain": domain.Name, "status": word})
	}
	result["dcvAuth"] = dcv
	result["authentication"] = []any{
		map[string]any{"step": "CSR_CHECK", "status": "COMPLETED"},
		map[string]any{"step": "DOMAIN_VERIFICATION", "status": step},
	}
	return result
}

func autoSANs(issuance *Issuance) []autoName {
	sans := []autoName{}
	for _, name := range issuance.Names[1:] {
		kind := "FQDN"
		if isWildcard(name) {
			kind = "WILDCARD"
		}
		sans = append(sans, autoName{Name: name, Type: kind})
	}
	return sans
}

// autoCertificate is an order as a certificate: the CSR of the latest issuance, and the
// latest certificate there is.
func (a *AutoDNS) autoCertificate(o *Order, detailed bool) map[string]any {
	certificate, current := o.Certificate(), o.Current()
	fields := map[string]any{
		"id": json.Number(o.ID), "orderId": "27" + o.ID, "name": current.Names[0], "domain": current.Names[0],
		"created": o.PlacedAt.Truncate(24 * time.Hour).Format(autoTime), "product": autoLabel(o.Product),
		"owner": map[string]any{"user": o.Account, "context": 9},
	}
	if certificate == nil || !detailed {
		return fields
	}
	expire := certificate.NotAfter
	if a.options.NoPayable {
		expire = o.PaidUntil
	} else {
		fields["payable"] = o.PaidUntil.Format(autoTime)
	}
	fields["expire"] = expire.Format(autoTime)
	fields["lifetime"] = map[string]any{"unit": "MONTH", "period": 12 * o.Years}
	fields["software"], fields["csr"] = o.Attributes["software"], current.CSR
	fields["server"], fields["serialNumber"] = certificate.PEM[0], strings.ToUpper(certificate.Serial)
	fields["authentication"], fields["subjectAlternativeNames"] = autoChosen(current), autoSANs(current)
	authorities := []any{}
	for _, authority := range certificate.PEM[1:] {
		authorities = append(authorities, map[string]any{"caType": "ICA1", "caCertificate": authority})
	}
	fields["certificationAuthority"] = authorities
	return fields
}

func (*AutoDNS) hello(autoCall) (autoReply, error) { return autoReply{}, nil }

func (a *AutoDNS) accountInfo(call autoCall) (autoReply, error) {
	account, err := a.engine.Account(call.account)
	if err != nil {
		return autoReply{}, err
	}
	amount := func(c Cents) json.Number { return json.Number(c.String()) }
	return autoReply{data: []any{map[string]any{
		"customer": map[string]any{"number": 4711, "client": account.Name}, "currency": account.Currency,
		"currentAccountBalance": amount(account.Balance), "runningTotal": amount(0), "creditLimit": amount(0),
	}}}, nil
}

func (a *AutoDNS) certificateInfo(call autoCall) (autoReply, error) {
	o, err := a.engine.Order(call.account, call.id)
	if err != nil {
		return autoReply{}, err
	}
	if o.Certificate() == nil {
		return autoReply{}, refuse(ErrNotFound, "there is no certificate %q", call.id)
	}
	return autoReply{
		object: map[string]any{"type": "Certificate", "value": o.CommonName()},
		data:   []any{a.autoCertificate(o, true)},
	}, nil
}
