package resolver

import "strings"

// QuoteTXT writes a value as quoted strings of at most 255 bytes each, as in a zone file
// and in the APIs of DNS services.
func QuoteTXT(value string) string {
	return `"` + strings.Join(SplitTXT(value), `" "`) + `"`
}

// UnquoteTXT reads what QuoteTXT writes, and what people enter without quotes, which stays
// as it is.
func UnquoteTXT(content string) string {
	var parts []string
	for rest := strings.TrimSpace(content); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		end := closingQuote(rest)
		if end < 0 {
			return content
		}
		parts = append(parts, rest[1:end])
		rest = rest[end+1:]
	}
	return JoinTXT(parts)
}

// closingQuote is the index of the quote that ends the string at the front, or -1.
func closingQuote(text string) int {
	if text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}
