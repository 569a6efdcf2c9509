package resello

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types below take numbers for texts, null for anything and lists for maps; only text
// that isn't JSON is an error.

// text is a string, number or boolean; null, lists and objects are the empty text.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	*t = ""
	switch data[0] {
	case '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = text(s)
	case 'n', '[', '{':
	default:
		*t = text(data)
	}
	return nil
}

// word is the text without blanks around it.
func (t text) word() string { return strings.TrimSpace(string(t)) }

// flag is a boolean, also as a text or number; anything else is an error.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseBool(strings.Trim(string(data), `"`))
	*f = flag(value)
	return err
}

// envelope is around every answer but files (public client).
type envelope struct {
	Success *flag           `json:"success"`
	Result  json.RawMessage `json:"result"`
	Total   text            `json:"total"`
	Error   problem         `json:"error"`
}

// problem is the error of an envelope.
type problem struct {
	Code    text
	Message tree
}

// UnmarshalJSON implements json.Unmarshaler; an error that isn't an object has no code.
func (p *problem) UnmarshalJSON(data []byte) error {
	*p = problem{}
	if data[0] != '{' {
		return p.Message.UnmarshalJSON(data)
	}
	var fields struct {
		Code    text `json:"code"`
		Message tree `json:"message"`
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	p.Code, p.Message = fields.Code, fields.Message
	return nil
}

// tree is any JSON: messages are texts, lists of texts by parameter, or deeper.
type tree struct{ value any }

// UnmarshalJSON implements json.Unmarshaler. Numbers stay texts: one that is too large for a
// float must not hide the message beside it.
func (t *tree) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(&t.value)
}

// text joins all texts, with the parameters in front of theirs.
func (t tree) text() string {
	var parts []string
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case string:
			parts = append(parts, v)
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if _, leaf := v[key].(string); !leaf {
					parts = append(parts, key+":")
				}
				walk(v[key])
			}
		}
	}
	walk(t.value)
	return strings.Join(parts, " ")
}

// keys are the names in all maps of the tree.
func (t tree) keys() []string {
	var all []string
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for key, below := range v {
				all = append(all, key)
				walk(below)
			}
		}
	}
	walk(t.value)
	return all
}

// certificate is the certificate object. The vendor documents none of its fields; those
// beside status are the names of the request and obvious ones. Assumption: unconfirmed on
// a live account.
type certificate struct {
	ID         text            `json:"id"`
	UUID       text            `json:"uuid"`
	Status     text            `json:"status"`
	Reference  json.RawMessage `json:"client_reference"`
	Domain     text            `json:"domain"`
	CommonName text            `json:"common_name"`
	Method     text            `json:"dcv_type"`
	Created    text            `json:"created_at"`
	Expires    text            `json:"expires_at"`
}

func (c certificate) id() string {
	if id := c.ID.word(); id != "" {
		return id
	}
	return c.UUID.word()
}

// reference is the client reference; told is false where the object hasn't the field.
func (c certificate) reference() (reference string, told bool) {
	if len(c.Reference) == 0 {
		return "", false
	}
	var t text
	if t.UnmarshalJSON(c.Reference) != nil {
		return "", false
	}
	return t.word(), true
}

func (c certificate) name() string {
	if name := canonical(string(c.CommonName)); name != "" {
		return name
	}
	return canonical(string(c.Domain))
}

// moment reads a time in one of the usual forms, zero where there is none.
func moment(t text) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, t.word()); err == nil {
			return at
		}
	}
	return time.Time{}
}

// rows is a list of objects, or a map whose values are meant. Others are left out.
type rows[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (r *rows[T]) UnmarshalJSON(data []byte) error {
	*r = nil
	var list []json.RawMessage
	if data[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			list = append(list, object[key])
		}
	} else if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, element := range list {
		if !bytes.HasPrefix(bytes.TrimSpace(element), []byte("{")) {
			continue
		}
		var row T
		if err := json.Unmarshal(element, &row); err != nil {
			return err
		}
		*r = append(*r, row)
	}
	return nil
}

// canonical is a DNS name in lower case without the trailing dot.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}
