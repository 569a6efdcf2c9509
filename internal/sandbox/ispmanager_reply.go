package sandbox

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ispFailure is an error as all shapes have it.
func ispFailure(kind, object, text string) map[string]any {
	fields := map[string]any{"type": kind, "msg": text}
	if object != "" {
		fields["object"] = object
	}
	return map[string]any{"error": fields}
}

// write answers in one of the vendor's shapes: bjson is bare, json wraps every scalar and
// marks attributes with "$", text has lines of key=value.
func (p *ISPmanager) write(w http.ResponseWriter, out string, answer map[string]any) {
	if p.options.Wrapped && out == "bjson" {
		out = "json"
	}
	var text []byte
	switch out {
	case "bjson":
		text = ispJSON(answer)
	case "json":
		text = ispJSON(map[string]any{"doc": ispWrap(answer, false)})
	case "text":
		text = []byte(ispText(answer))
	case "xml":
		text = []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc>" + ispXML(answer) + "</doc>\n")
	default:
		text = []byte("<html><body>BILLmanager</body></html>")
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if _, err := w.Write(text); err != nil {
		return // the client has gone
	}
}

func ispJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// ispAttributes are objects whose fields are attributes in the wrapped shape.
var ispAttributes = []string{"user", "error"}

func ispWrap(value any, attributes bool) any {
	switch v := value.(type) {
	case map[string]any:
		wrapped := map[string]any{}
		for name, inner := range v {
			text, scalar := inner.(string)
			if attributes && scalar && name != "msg" {
				wrapped["$"+name] = text
				continue
			}
			wrapped[name] = ispWrap(inner, slices.Contains(ispAttributes, name))
		}
		return wrapped
	case []any:
		wrapped := make([]any, len(v))
		for i, inner := range v {
			wrapped[i] = ispWrap(inner, false)
		}
		return wrapped
	default:
		return map[string]any{"$": fmt.Sprint(v)}
	}
}

func ispText(answer map[string]any) string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		fmt.Fprintf(&lines, "%s=%v\n", name, answer[name])
	}
	return lines.String()
}

func ispXML(answer map[string]any) string {
	var elements strings.Builder
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		if inner, ok := answer[name].(map[string]any); ok {
			fmt.Fprintf(&elements, "<%[1]s>%[2]s</%[1]s>", name, ispXML(inner))
			continue
		}
		fmt.Fprintf(&elements, "<%[1]s>%[2]s</%[1]s>", name, html.EscapeString(fmt.Sprint(answer[name])))
	}
	return elements.String()
}

func (p *ISPmanager) whoami(call ispCall) (map[string]any, error) {
	account, err := p.engine.Account(call.account)
	if err != nil {
		return nil, err
	}
	return map[string]any{"user": map[string]any{"name": account.Name, "balance": account.Balance.String() + " " + account.Currency}}, nil
}

func (p *ISPmanager) pricelist(call ispCall) (map[string]any, error) {
	if call.get("itemtype") != "certificate" {
		return nil, &ispError{"value", "itemtype", "the sandbox sells certificates"}
	}
	var list []any
	for _, product := range p.engine.Products() {
		var periods []any
		for years, price := range product.Prices {
			periods = append(periods, map[string]any{"type": "month", "length": strconv.Itoa(12 * (years + 1)), "cost": price.String()})
		}
		list = append(list, map[string]any{
			"id": product.ID, "name": product.Name, "price": map[string]any{"period": periods},
			"siteinfo": "brand=" + product.Brand + ", validation=" + product.Validation,
		})
	}
	return map[string]any{"pricelist": list}, nil
}

// countries is the form of certificate.order.csr, which lists the countries for its product.
func (p *ISPmanager) countries(call ispCall) (map[string]any, error) {
	if call.get("sok") != "" {
		return nil, &ispError{"value", "crt_type", "the sandbox makes no private keys"}
	}
	if _, err := p.engine.Product(call.get("pricelist")); err != nil {
		return nil, err
	}
	return map[string]any{"field_country": []any{
		map[string]any{"k": "58", "v": "Germany"}, map[string]any{"k": "182", "v": "Russia"},
	}}, nil
}

// list has the rows under elem: a lone row is no list, and without rows there is no elem.
func (p *ISPmanager) list(call ispCall) (map[string]any, error) {
	var rows []any
	for _, o := range p.engine.Orders(call.account) {
		if call.get("filter") == "on" && call.get("CN") != "" && o.CommonName() != strings.ToLower(call.get("CN")) {
			continue
		}
		row := p.states(o, call)
		row["id"], row["CN"], row["pricelist"], row["cost"] = o.ID, o.CommonName(), o.Product, o.Price.String()
		row["createdate"], row["expiredate"] = o.PlacedAt.UTC().Format(time.DateOnly), o.PaidUntil.UTC().Format(time.DateOnly)
		rows = append(rows, row)
	}
	switch len(rows) {
	case 0:
		return map[string]any{"p_elems": "0"}, nil
	case 1:
		return map[string]any{"elem": rows[0], "p_elems": "1"}, nil
	default:
		return map[string]any{"elem": rows, "p_elems": strconv.Itoa(len(rows))}, nil
	}
}

// ispStates are item_status and service_status.
var ispStates = map[State][2]string{
	StateUnconfigured: {"5", "2"}, StateAwaitingValidation: {"5", "3"}, StateIssuing: {"5", "4"}, StateIssued: {"2", "5"},
	StateRejected: {"2", "6"}, StateCancelled: {"4", "5"}, StateExpired: {"3", "5"}, StateSuperseded: {"2", "5"},
}

func (p *ISPmanager) states(o *Order, call ispCall) map[string]any {
	states := ispStates[o.State]
	if call.StatusWord != "" {
		states[1] = call.StatusWord
	}
	return map[string]any{"item_status": states[0], "service_status": states[1], "status_msg": "Статус " + states[1]}
}

// ispMethods are the words of certificate.edit.
var ispMethods = map[Method]string{MethodHTTP: "auth_file", MethodHTTPS: "auth_file", MethodEmail: "auth_email"}

// edit is the form of an order. What to publish is told while it is waited for, with the
// data of the main name.
func (p *ISPmanager) edit(call ispCall) (map[string]any, error) {
	o, err := p.engine.Order(call.account, call.get("elid"))
	if err != nil {
		return nil, err
	}
	fields := map[string]any{
		"elid": o.ID, "pricelist": o.Product, "CN": o.CommonName(), "csr": "", "altname": "",
		"createdate": o.PlacedAt.UTC().Format(time.DateOnly), "expiredate": o.PaidUntil.UTC().Format(time.DateOnly),
	}
	if !p.options.ListStatus {
		maps.Copy(fields, p.states(o, call))
	}
	current := o.Current()
	if current == nil {
		return fields, nil
	}
	product, err := p.engine.Product(o.Product)
	if err != nil {
		return nil, err
	}
	fields["csr"], fields["altname"], fields["remoteid"] = current.CSR, strings.Join(current.Names[1:], " "), current.Reference
	method, challenge := current.Domains[0].Method, current.Domains[0].Challenge
	fields["approver_method"] = ispMethods[method]
	if method == MethodDNS {
		fields["approver_method"] = map[bool]string{true: "auth_dnstxt", false: "auth_cname"}[product.TXT]
	}
	for n, domain := range current.Domains {
		if domain.Email != "" {
			fields["approver_email_"+strconv.Itoa(n+1)] = domain.Email
		}
	}
	if o.State != StateAwaitingValidation {
		return fields, nil
	}
	switch fields["approver_method"] {
	case "auth_dnstxt":
		fields["auth_dnstxt_value"] = challenge.RecordValue
	case "auth_cname":
		fields["auth_cname_name"], fields["auth_cname_value"] = strings.TrimSuffix(challenge.RecordName, "."), challenge.RecordValue
	case "auth_file":
		fields["auth_file_name"], fields["auth_file_value"] = challenge.FileName, challenge.FileBody
	}
	return fields, nil
}

// file downloads the certificate, or what to publish by file.
func (p *ISPmanager) file(call ispCall) ([]byte, error) {
	o, err := p.engine.Order(call.account, call.get("elid"))
	if err != nil {
		return nil, err
	}
	certificate := o.Certificate()
	switch kind := call.get("type"); {
	case kind == "auth_file" && o.State == StateAwaitingValidation:
		return []byte(o.Current().Domains[0].Challenge.FileBody), nil
	case kind != "crt":
		return nil, &ispError{"value", "type", "there is no such file"}
	case certificate == nil:
		return nil, &ispError{"missed", "file", "there is no certificate yet"}
	case p.options.ZIP:
		return ispZIP(certificate.PEM)
	case p.options.PKCS7:
		return certificatesOnly(certificate.PEM)
	default:
		return []byte(strings.Join(certificate.PEM, "")), nil
	}
}

func ispZIP(blocks []string) ([]byte, error) {
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	for i, block := range blocks {
		file, err := writer.Create(strconv.Itoa(i) + ".crt")
		if err != nil {
			return nil, err
		}
		if _, err := file.Write([]byte(block)); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
