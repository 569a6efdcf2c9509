package ispmanager

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// node is a part of an answer in either of two shapes: out=bjson is bare; out=json has "doc"
// around it, {"$":"v"} for each scalar, "$name" for attributes, and {"$orig":"2","$":"Active"}
// for what is shown in words (developer pages). Which one comes isn't relied on.
type node struct{ value any }

// parse reads an answer; ok is false where it is no JSON object.
func parse(body []byte) (node, bool) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(body), "\ufeff")))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return node{}, false
	}
	root := node{value}
	if _, ok := value.(map[string]any); !ok {
		return node{}, false
	}
	if doc := root.get("doc"); doc.exists() {
		root = doc
	}
	return root, true
}

func (n node) exists() bool { return n.value != nil }

// get is an element or attribute, or nothing.
func (n node) get(name string) node {
	object, ok := n.value.(map[string]any)
	if !ok {
		return node{}
	}
	if value, ok := object[name]; ok && value != nil {
		return node{value}
	}
	return node{object["$"+name]}
}

// text is a scalar without blanks around it, in its raw form where there are two.
func (n node) text() string {
	switch v := n.value.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			return node{v[0]}.text()
		}
	case map[string]any:
		for _, name := range []string{"$orig", "$"} {
			if inner, ok := v[name]; ok {
				return node{inner}.text()
			}
		}
	}
	return ""
}

// field is the text of an element, which may stand in "model", the data of a form (API page:
// model.csr).
func (n node) field(name string) string {
	if text := n.get(name).text(); text != "" {
		return text
	}
	return n.get("model").get(name).text()
}

// list is a list, or the one element that there is instead of a list of one.
func (n node) list() []node {
	switch v := n.value.(type) {
	case []any:
		nodes := make([]node, len(v))
		for i, inner := range v {
			nodes[i] = node{inner}
		}
		return nodes
	case map[string]any:
		return []node{n}
	default:
		return nil
	}
}

// number is a text if it is a whole positive number, else empty.
func number(text string) string {
	if text == "" || strings.Trim(text, "0123456789") != "" || strings.Trim(text, "0") == "" {
		return ""
	}
	return text
}

// words splits a list of names as the API writes it.
func words(text string) []string {
	all := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) })
	return slices.DeleteFunc(all, func(word string) bool { return word == "" })
}
