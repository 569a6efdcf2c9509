package resolver

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxString is the longest string inside a TXT record (RFC 1035, section 3.3).
const maxString = 255

// SplitTXT turns a verbatim value into the strings of a [dns.TXT]: at most 255
// bytes each, in the escaped form in which that type holds them.
func SplitTXT(value string) []string {
	var parts []string
	for len(value) > maxString {
		parts = append(parts, escape(value[:maxString]))
		value = value[maxString:]
	}
	return append(parts, escape(value))
}

// JoinTXT is the verbatim value of the strings of a [dns.TXT].
func JoinTXT(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		unescape(&b, p)
	}
	return b.String()
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.WriteByte('\\')
			digits := strconv.Itoa(int(c))
			b.WriteString("000"[len(digits):] + digits)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(s[i])
	}
}

// Texts returns the TXT values in an answer that belong to owner itself.
func Texts(reply *dns.Msg, owner string) []string {
	var values []string
	for _, rr := range reply.Answer {
		if txt, ok := rr.(*dns.TXT); ok && strings.EqualFold(txt.Hdr.Name, owner) {
			values = append(values, JoinTXT(txt.Txt))
		}
	}
	return values
}

// Alias returns the target of the CNAME that owner itself has in an answer, or "".
func Alias(reply *dns.Msg, owner string) string {
	for _, rr := range reply.Answer {
		if cname, ok := rr.(*dns.CNAME); ok && strings.EqualFold(cname.Hdr.Name, owner) {
			return dns.CanonicalName(cname.Target)
		}
	}
	return ""
}

// FollowAlias returns the name at the end of the CNAME chain that an answer
// holds for owner. It gives up after so many steps, which also ends loops.
func FollowAlias(reply *dns.Msg, owner string, steps int) string {
	for range steps {
		target := Alias(reply, owner)
		if target == "" {
			break
		}
		owner = target
	}
	return owner
}
