package cyberssl

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The vendor's PHP writes numbers as strings, false as "" and an empty map as [].
// The types below take all of that; only text that isn't JSON is an error.

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

// integer reads a whole number, 0 where there is none.
func (t text) integer() int {
	n, err := strconv.Atoi(t.word())
	if err != nil {
		return 0
	}
	return n
}

// flag is a PHP boolean: 1, "1" and true are true, "" and 0 and null are false. It is
// for facts about products only.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(data []byte) error {
	var t text
	if err := t.UnmarshalJSON(data); err != nil {
		return err
	}
	switch strings.ToLower(t.word()) {
	case "", "0", "0.0", "false", "no", "off", "n":
		*f = false
	default:
		*f = true
	}
	return nil
}

// words is a list, a map whose values are meant, or a text with commas or blanks in
// between.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	rows, single, err := split(data)
	if err != nil {
		return err
	}
	*w = nil
	for _, row := range rows {
		var t text
		if err := t.UnmarshalJSON(row); err != nil {
			return err
		}
		*w = append(*w, pieces(t)...)
	}
	*w = append(*w, pieces(single)...)
	return nil
}

func pieces(t text) []string {
	return strings.FieldsFunc(string(t), func(r rune) bool {
		return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
	})
}

// dictionary is an object; a list, which PHP writes for an empty map, is taken as
// one without keys worth knowing, and everything else as empty.
type dictionary map[string]json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (d *dictionary) UnmarshalJSON(data []byte) error {
	*d = nil
	if data[0] != '{' {
		return nil
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	*d = object
	return nil
}

// keys are in order, so that results don't depend on Go's maps.
func (d dictionary) keys() []string { return slices.Sorted(maps.Keys(d)) }

// text is the value of one key, empty where there is none.
func (d dictionary) text(key string) text {
	var t text
	if raw, ok := d[key]; !ok || t.UnmarshalJSON(raw) != nil {
		return ""
	}
	return t
}

// split takes a list apart, or an object by its values in the order of its keys; a
// scalar is returned as a text.
func split(data []byte) ([]json.RawMessage, text, error) {
	switch data[0] {
	case '[':
		var list []json.RawMessage
		err := json.Unmarshal(data, &list)
		return list, "", err
	case '{':
		var object dictionary
		err := object.UnmarshalJSON(data)
		var rows []json.RawMessage
		for _, key := range object.keys() {
			rows = append(rows, object[key])
		}
		return rows, "", err
	default:
		var t text
		err := t.UnmarshalJSON(data)
		return nil, t, err
	}
}

// object reports whether data is a JSON object.
func object(data json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
}
