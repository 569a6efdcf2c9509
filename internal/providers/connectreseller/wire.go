package connectreseller

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

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

// flagged reports whether a field says something, and not no.
func (t text) flagged() bool {
	switch strings.ToLower(t.word()) {
	case "", "0", "false", "no", "n":
		return false
	default:
		return true
	}
}

// moment reads a time such as "2023-05-25 07:15:37", zero where there is none. Which zone the
// vendor means isn't documented; UTC is assumed.
func (t text) moment() time.Time {
	at, err := time.Parse(time.DateTime, t.word())
	if err != nil {
		return time.Time{}
	}
	return at
}

// envelope is around every answer. responseMsg is null in the answer to a reissue, and
// responseData a number in the answer to availablefund.
type envelope struct {
	Message codes           `json:"responseMsg"`
	Data    json.RawMessage `json:"responseData"`
}

// codes are the fields that tell success, wherever they are; 0 and 200 are successes, and
// what is absent says nothing.
type codes struct {
	Message     text `json:"message"`
	Msg         text `json:"msg"`
	StatusCode  text `json:"statusCode"`
	SuccessCode text `json:"successCode"`
	MsgCode     text `json:"msgCode"` // and msgcode: encoding/json takes both
}

// UnmarshalJSON implements json.Unmarshaler; what isn't an object has no codes.
func (c *codes) UnmarshalJSON(data []byte) error {
	*c = codes{}
	if data[0] != '{' {
		return nil
	}
	type plain codes
	return json.Unmarshal(data, (*plain)(c))
}

// good reports whether all codes mean success.
func (c codes) good() bool {
	for _, code := range []text{c.StatusCode, c.SuccessCode, c.MsgCode} {
		if word := code.word(); word != "" && word != "0" && word != "200" {
			return false
		}
	}
	return true
}

// said is the vendor's sentence.
func (c codes) said() string {
	if message := c.Message.word(); message != "" {
		return message
	}
	return c.Msg.word()
}

// number reads an identifier that has to be sent as an integer.
func number(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0
}

// canonical is a DNS name in lower case without the trailing dot.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}
