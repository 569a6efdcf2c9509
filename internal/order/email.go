package order

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// emailEnds is when CAs must not validate by e-mail any more (CA/Browser Forum ballot SC-090).
var emailEnds = time.Date(2028, time.March, 15, 0, 0, 0, 0, time.UTC)

// EmailWarning is for issuers and orders that validate by e-mail, which CAs should not use
// since 2026-03-15 (ballot SC-090).
const EmailWarning = "validation by e-mail needs a person for every certificate; CAs should not use it since 2026-03-15 and must not from 2028-03-15: prefer TXT, CNAME or File in spec.dcv.methods"

// Warnings are sentences about an issuer's settings that work now, but not for ever.
func Warnings(spec *v1alpha1.ResellerIssuerSpec) []string {
	if slices.Contains(spec.DCV.Methods, v1alpha1.DCVMethodEmail) {
		return []string{EmailWarning}
	}
	return nil
}

// approvers are the mailboxes asked to approve, by name: that of the registrable domain, or,
// where the reseller tells whom it accepts, the same mailbox at whichever domain of the name it
// lists. None is asked that it doesn't list.
func approvers(issuance *v1alpha1.Issuance, mailbox v1alpha1.ApproverMailbox) map[string]string {
	prefix := string(cmp.Or(mailbox, v1alpha1.ApproverAdmin)) + "@"
	emails := make(map[string]string, len(issuance.Names))
	for _, name := range issuance.Names {
		domain := dcv.WildcardBase(name)
		if registrable, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
			domain = registrable
		}
		emails[name] = prefix + domain
	}
	for _, c := range issuance.Challenges {
		name := requestedName(c.Domain, issuance.Names)
		if len(c.Emails) == 0 || slices.Contains(c.Emails, emails[name]) {
			continue
		}
		if same := slices.IndexFunc(c.Emails, func(box string) bool { return strings.HasPrefix(box, prefix) }); same >= 0 {
			emails[name] = c.Emails[same]
		}
	}
	return emails
}

// mailboxProblem says which of the mailboxes to ask the reseller doesn't accept, nothing if it
// accepts all or doesn't tell.
func mailboxProblem(issuance *v1alpha1.Issuance, challenges []providers.Challenge, mailbox v1alpha1.ApproverMailbox) string {
	listed := &v1alpha1.Issuance{Names: issuance.Names}
	for _, c := range challenges {
		listed.Challenges = append(listed.Challenges, v1alpha1.OrderChallenge{Domain: c.Domain, Emails: c.Emails})
	}
	asked := approvers(listed, mailbox)
	for _, c := range challenges {
		email := asked[requestedName(c.Domain, issuance.Names)]
		if c.Method == providers.MethodEmail && len(c.Emails) > 0 && email != "" && !slices.Contains(c.Emails, email) {
			return fmt.Sprintf("the reseller doesn't let %s approve %s, but %s: set spec.dcv.approverMailbox to one of these", email, c.Domain, strings.Join(c.Emails, ", "))
		}
	}
	return ""
}
