package autodns

import (
	"encoding/json"
	"strings"
	"time"
)

// envelope is around every answer (OpenAPI, JsonResponseData). The sample in
// https://help.internetx.com/display/APIXMLEN/JSON+API+Basics names the code
// "resultCode"; real answers name it "code".
type envelope struct {
	STID   text `json:"stid"`
	Status struct {
		Code       text `json:"code"`
		ResultCode text `json:"resultCode"`
		Type       text `json:"type"`
	} `json:"status"`
	Object   object          `json:"object"`
	Messages list[message]   `json:"messages"`
	Data     json.RawMessage `json:"data"`
}

// code is that of the operation: a letter for the outcome and the number of the task.
func (e envelope) code() string {
	if code := e.Status.Code.word(); code != "" {
		return code
	}
	return e.Status.ResultCode.word()
}

// message says why; messages nest.
type message struct {
	Code     text          `json:"code"`
	Text     text          `json:"text"`
	Messages list[message] `json:"messages"`
}

// codes are those of all messages, outer ones first.
func codes(messages []message) []string {
	var all []string
	for _, m := range messages {
		if code := m.Code.word(); code != "" {
			all = append(all, code)
		}
		all = append(all, codes(m.Messages)...)
	}
	return all
}

// object is what an answer, job or message is about.
type object struct {
	Type  text            `json:"type"`
	Value text            `json:"value"`
	Data  json.RawMessage `json:"data"`
}

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

// number is the text if it is a whole positive number, else empty: it goes into paths.
func (t text) number() string {
	word := t.word()
	if word == "" || strings.Trim(word, "0123456789") != "" || strings.Trim(word, "0") == "" {
		return ""
	}
	return word
}

// list takes null, and one element where the vendor's sources show a list and its
// samples an element.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(data []byte) error {
	*l = nil
	switch data[0] {
	case '[':
		var all []T
		if err := json.Unmarshal(data, &all); err != nil {
			return err
		}
		*l = all
	case '{', '"':
		var one T
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		*l = list[T]{one}
	}
	return nil
}

// timeLayout is the vendor's form of a time: the offset has no colon (guide).
const timeLayout = "2006-01-02T15:04:05.000-0700"

// instant reads a time, zero where there is none.
func (t text) instant() time.Time {
	for _, layout := range []string{timeLayout, time.RFC3339Nano, "2006-01-02T15:04:05-0700", time.DateOnly} {
		if at, err := time.Parse(layout, t.word()); err == nil {
			return at
		}
	}
	return time.Time{}
}
