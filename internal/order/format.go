package order

import (
	"maps"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxMessage bounds what stands in a status.
const maxMessage = 1024

// describe writes the identifiers of an order for people.
func describe(ids providers.IDs) string {
	texts := make([]string, 0, len(ids))
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		texts = append(texts, name+" "+ids[name])
	}
	return strings.Join(texts, ", ")
}

// clip shortens a message to what a status may hold.
func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage-3], "") + "..."
}
