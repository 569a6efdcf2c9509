package order

import (
	"fmt"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// safetyMargin is added to everything that is known about how long an effect may stay
// hidden before absence is concluded.
const safetyMargin = time.Minute

// verdict is what follows from a search for the effect of an intent.
type verdict struct {
	// adopt is the one order that certainly is the effect.
	adopt *providers.Order
	// absent is true if the effect certainly didn't happen.
	absent bool
	// hold tells a person what to decide; empty while looking goes on.
	hold string
}

// conclude judges what a search found. Watched is how long this very process has
// looked since it first saw the intent: clocks of other machines prove nothing.
func conclude(found []providers.Found, watched time.Duration, profile providers.Profile, kind providers.OperationKind) verdict {
	var sure, similar []providers.Found
	for _, f := range found {
		if f.Evidence >= providers.EvidenceCSR {
			sure = append(sure, f)
		} else {
			similar = append(similar, f)
		}
	}
	switch {
	case len(sure) == 1:
		return verdict{adopt: &sure[0].Order}
	case len(sure) > 1:
		return verdict{hold: fmt.Sprintf("the reseller has %d orders with this CSR or reference (%s)", len(sure), describeAll(sure))}
	case watched < absenceAfter(profile):
		return verdict{}
	case len(similar) > 0:
		return verdict{hold: fmt.Sprintf("the reseller has orders with the same names that may be this one (%s)", describeAll(similar))}
	case profile.AbsenceKnowable, knownFromOrder(kind):
		return verdict{absent: true}
	}
	return verdict{hold: "the reseller's API can't tell whether the order exists"}
}

// knownFromOrder reports whether the order that was to be changed itself shows that nothing
// happened, whatever the reseller's lists can show.
func knownFromOrder(kind providers.OperationKind) bool {
	return kind == providers.Enrol || kind == providers.Cancel
}

// absenceAfter is how long an intent must be watched before absence may be concluded:
// it may still be sent, the call may still run, and its effect may still be hidden.
func absenceAfter(profile providers.Profile) time.Duration {
	return providers.IntentLifetime + profile.CallTimeout + profile.VisibilityDelay + safetyMargin
}

func describeAll(found []providers.Found) string {
	texts := make([]string, 0, len(found))
	for _, f := range found[:min(len(found), 5)] {
		texts = append(texts, describe(f.Order.IDs))
	}
	return strings.Join(texts, "; ")
}
