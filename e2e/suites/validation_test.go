package suites

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// withTXT are settings for a product whose CA wants a TXT record.
func (s *scene) withTXT(product v1alpha1.Product) v1alpha1.ResellerIssuerSpec {
	settings := s.settings(product.ID)
	product.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}
	settings.Reseller.CyberSSL.Product = product
	settings.DCV.Methods = product.Methods
	return settings
}

// TestTXT has a TXT record below the name, to a Secret.
func TestTXT(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.withTXT(v1alpha1.Product{ID: "22"}))
	s.obtain(withRSA(s.certificate("site", issuer, "www."+s.domain)))
	s.paidOnce()
	s.awaitNoRecords()
}

// TestTXTOfWildcardAndApex has a wildcard and the name below it, which share a TXT record at the
// name itself, beside another one that stays.
func TestTXTOfWildcardAndApex(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	require.NoError(t, world.Publish(t.Context(), dcv.TXT, s.domain, "v=spf1 -all"))
	issuer := s.issuer(s.withTXT(v1alpha1.Product{ID: "26", Wildcard: v1alpha1.Supported, IncludedWWW: v1alpha1.Supported}))
	s.obtain(withRSA(s.certificate("wild", issuer, "*."+s.domain, s.domain)))
	s.paidOnce()
	s.eventually(func(c *assert.CollectT) {
		records := s.records(c)
		require.Len(c, records, 1)
		assert.Contains(c, records[0], "v=spf1 -all")
	})
}

// TestDelegatedTXT has the record published where a CNAME leads.
func TestDelegatedTXT(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	host, target := "www."+s.domain, "www.delegated."+s.domain
	require.NoError(t, world.Publish(t.Context(), dcv.CNAME, "_dnsauth."+host, target))
	settings := s.withTXT(v1alpha1.Product{ID: "22"})
	settings.DCV.Solvers[0].CNAMEStrategy = v1alpha1.CNAMEFollow
	s.obtain(withRSA(s.certificate("site", s.issuer(settings), host)))
	s.paidOnce()
	s.eventually(func(c *assert.CollectT) {
		records := s.records(c)
		require.Len(c, records, 1, "the CNAME of the admin stays")
		assert.Contains(c, records[0], "CNAME "+target)
	})
}

// TestOtherMethod prefers a file, for which there is no solver: the record is taken instead,
// and the events say why.
func TestOtherMethod(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile, v1alpha1.DCVMethodCNAME}
	certificate := s.certificate("site", s.issuer(settings), "www."+s.domain)
	s.obtain(certificate)
	s.paidOnce()
	s.eventually(func(c *assert.CollectT) {
		var notes []string
		for _, event := range s.events(certificate.UID) {
			if event.Reason == "MethodChosen" {
				notes = append(notes, event.Note)
			}
		}
		require.Len(c, notes, 1)
		assert.Contains(c, notes[0], "validating by CNAME: File: no solver in spec.dcv.solvers can publish File for www."+s.domain+": rfc2136 (spec.dcv.solvers[0]): it serves no files")
	})
}

// TestNoMethod has no method that works: each is told, and nothing is bought.
func TestNoMethod(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productMulti)
	settings.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile, v1alpha1.DCVMethodCNAME}
	settings.DCV.Solvers[0] = v1alpha1.Solver{Reseller: &v1alpha1.SolverReseller{}}
	s.create(s.certificate("wild", s.issuer(settings), "*."+s.domain))
	order := s.awaitHeld("NoSolver")
	for _, text := range []string{"File: ", "CNAME: no solver in spec.dcv.solvers can publish CNAME for *." + s.domain + ": reseller (spec.dcv.solvers[0])"} {
		assert.Contains(t, order.Status.Message, text)
	}
	s.nothingBought()
}

// TestBrokenDNSSEC has a zone whose signatures have expired: a CA would have to refuse, so
// nothing is published or bought, and the message says what is broken.
func TestBrokenDNSSEC(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.domain = "shop." + brokenZone
	settings := s.settings(productSingle)
	settings.DCV.Propagation.Nameservers = []string{world.ValidatingResolver()}
	s.create(s.certificate("site", s.issuer(settings), "www."+s.domain))
	order := s.awaitHeld("DNSSECBogus")
	for _, text := range []string{"nothing was bought", "DNSSEC", "www." + s.domain} {
		assert.Contains(t, order.Status.Message, text)
	}
	s.nothingBought()
	assert.Empty(t, order.Status.Records)
}
