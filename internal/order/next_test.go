package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// decision is one view and what must follow from it; of a Hold only the reason, of a Start
// only operation and purchase.
type decision struct {
	view []func(*View)
	want Action
}

func check(t *testing.T, cases map[string]decision) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := liveView(tc.view...)
			got := next(v)
			switch action := got.(type) {
			case Hold:
				assert.NotEmpty(t, action.Message)
				got = Hold{Reason: action.Reason}
			case Start:
				got = Start{Plan: Plan{Operation: action.Plan.Operation, Purchase: action.Plan.Purchase}}
			}
			assert.Equal(t, tc.want, got)
			assert.Equal(t, next(v), next(v), "it must be deterministic")
		})
	}
}

func starts(operation v1alpha1.Operation, purchase string) Action {
	return Start{Plan: Plan{Operation: operation, Purchase: purchase}}
}

func at(after time.Duration) *metav1.Time {
	t := metav1.NewTime(testNow.Add(after))
	return &t
}

var first = testKey + "-1"

func TestNextOfDeletedOrders(t *testing.T) {
	t.Parallel()
	check(t, map[string]decision{
		"nothing published": {[]func(*View){deleted}, Release{}},
		"records":           {[]func(*View){deleted, recorded("token", true)}, RemoveRecords{}},
		"records, tried just now": {
			[]func(*View){deleted, recorded("token", true), func(v *View) { v.Order.Status.NextCleanupAt = at(time.Second) }},
			Rest{Until: testNow.Add(time.Second)},
		},
		"before everything else": {
			[]func(*View){deleted, withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseIntended)))}, Release{},
		},
	})
}

func TestNextOfPurchasesToSettle(t *testing.T) {
	t.Parallel()
	resolved := func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	}
	foreign := func(spec *v1alpha1.ResellerPurchaseSpec) { spec.ClusterID = "other" }
	otherNames := func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Names = []string{"example.org"} }
	noIssuer := func(v *View) { v.Issuer, v.IssuerProblem = nil, "gone" }
	looked := func(name string, ago, last time.Duration) func(*View) {
		return func(v *View) {
			v.Watches[name] = Watch{Since: testNow.Add(-ago), LastLook: testNow.Add(-last)}
		}
	}
	intended := purchaseOf(1, inState(v1alpha1.PurchaseIntended))
	check(t, map[string]decision{
		"a person's word":                  {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseIntended), resolved))}, Resolve{Purchase: first}},
		"a word on a rejected order":       {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRejected), resolved))}, Resolve{Purchase: first}},
		"a word without an issuer":         {[]func(*View){noIssuer, withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRejected), resolved))}, Resolve{Purchase: first}},
		"a word on what is settled":        {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseAbsent), resolved))}, starts(v1alpha1.OperationPurchase, "")},
		"a word on a refusal":              {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRefused), resolved))}, starts(v1alpha1.OperationPurchase, "")},
		"a word on a foreign purchase":     {[]func(*View){withPurchases(purchaseOf(1, resolved, foreign))}, Hold{Reason: ReasonForeignCluster}},
		"open intent":                      {[]func(*View){withPurchases(intended)}, Recover{Purchase: first}},
		"open intent of other names":       {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseIntended), otherNames))}, Recover{Purchase: first}},
		"open intent, request ended":       {[]func(*View){requestIs(RequestEnded), withPurchases(intended)}, Recover{Purchase: first}},
		"open reissue":                     {[]func(*View){withPurchases(purchaseOf(1, withOperation("2", v1alpha1.OperationIntended)))}, Recover{Purchase: first}},
		"open intent, looked just now":     {[]func(*View){withPurchases(intended), looked(first, 10*time.Second, 0)}, Rest{Until: testNow.Add(5 * time.Second)}},
		"open reissue, looked just now":    {[]func(*View){withPurchases(purchaseOf(1, withOperation("2", v1alpha1.OperationIntended))), looked(first+"/op", time.Minute, 0)}, Rest{Until: testNow.Add(20 * time.Second)}},
		"open intent, looked a while ago":  {[]func(*View){withPurchases(intended), looked(first, time.Minute, 20*time.Second)}, Recover{Purchase: first}},
		"open intent without an issuer":    {[]func(*View){noIssuer, withPurchases(intended)}, Hold{Reason: ReasonIssuerNotReady}},
		"two open intents, the later look": {[]func(*View){withPurchases(intended, purchaseOf(2, inState(v1alpha1.PurchaseIntended), otherNames)), looked(first, 10*time.Second, 0), looked(testKey+"-2", 10*time.Second, 2*time.Second)}, Rest{Until: testNow.Add(3 * time.Second)}},
		"foreign open intent":              {[]func(*View){withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseIntended), foreign))}, Hold{Reason: ReasonForeignCluster}},
		"settled operations don't count":   {[]func(*View){withPurchases(purchaseOf(1, withOperation("1", v1alpha1.OperationAbsent)))}, starts(v1alpha1.OperationResume, first)},
	})
}

func TestNextWithoutRequest(t *testing.T) {
	t.Parallel()
	idle := func(v *View) { v.Order.Status.State = v1alpha1.OrderIdle }
	noIssuer := func(v *View) { v.Issuer = nil }
	polled := func(v *View) { v.Order.Status.NextPollAt = at(time.Hour) }
	bought := withPurchases(purchaseOf(1))
	check(t, map[string]decision{
		"gone":                    {[]func(*View){requestIs(RequestNone), underWay(v1alpha1.OrderValidating)}, GoIdle{}},
		"ended":                   {[]func(*View){requestIs(RequestEnded), underWay(v1alpha1.OrderFailed)}, GoIdle{}},
		"idle before the records": {[]func(*View){requestIs(RequestEnded), underWay(v1alpha1.OrderValidating), recorded("token", true)}, GoIdle{}},
		"a stale wait":            {[]func(*View){requestIs(RequestNone), idle, func(v *View) { v.Order.Status.Waiting = &v1alpha1.Waiting{Reason: "x"} }}, GoIdle{}},
		"records":                 {[]func(*View){requestIs(RequestNone), idle, recorded("token", true)}, RemoveRecords{}},
		"nothing bought":          {[]func(*View){requestIs(RequestNone), idle}, Rest{}},
		"all certificates there":  {[]func(*View){requestIs(RequestNone), idle, withPurchases(purchaseOf(1, certified("1", testDay, "True")))}, Rest{}},
		"unfinished":              {[]func(*View){requestIs(RequestNone), idle, bought}, Poll{Purchase: first}},
		"unfinished, seen today":  {[]func(*View){requestIs(RequestNone), idle, bought, polled}, Rest{Until: testNow.Add(time.Hour)}},
		"unfinished, no issuer":   {[]func(*View){requestIs(RequestNone), idle, bought, noIssuer}, Rest{}},
		"unfinished elsewhere":    {[]func(*View){requestIs(RequestNone), idle, withPurchases(purchaseOf(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "other" }))}, Rest{}},
		"rejected":                {[]func(*View){requestIs(RequestNone), idle, withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRejected)))}, Rest{}},
	})
}

func TestNextOfDeliveredRequests(t *testing.T) {
	t.Parallel()
	chain := func(v *View) {
		v.Order.Status.Certificate = &v1alpha1.OrderCertificate{CSRDigest: csrDigest("1"), Chain: []byte("pem")}
	}
	check(t, map[string]decision{
		"chain still here":                  {[]func(*View){requestIs(RequestReady), chain}, Deliver{}},
		"delivery doesn't wait for records": {[]func(*View){requestIs(RequestReady), chain, recorded("token", true)}, Deliver{}},
		"records":                           {[]func(*View){requestIs(RequestReady), recorded("token", true)}, RemoveRecords{}},
		"done":                              {[]func(*View){requestIs(RequestReady)}, Rest{}},
		"issued elsewhere":                  {[]func(*View){requestIs(RequestReady), func(v *View) { v.Order.Status.Certificate = &v1alpha1.OrderCertificate{} }}, Rest{}},
	})
}

func TestNextBeforeAnIssuance(t *testing.T) {
	t.Parallel()
	waits := func(after time.Duration, generation int64) func(*View) {
		return func(v *View) {
			v.Order.Status.NextAttemptAt, v.Order.Status.IssuerGeneration = at(after), generation
		}
	}
	check(t, map[string]decision{
		"issuer missing":        {[]func(*View){func(v *View) { v.Issuer, v.IssuerProblem = nil, "it is gone" }}, Hold{Reason: ReasonIssuerNotReady}},
		"first request":         {nil, starts(v1alpha1.OperationPurchase, "")},
		"new request":           {[]func(*View){underWay(v1alpha1.OrderOrdering), func(v *View) { v.Order.Spec.Request.UID = "request-2" }}, starts(v1alpha1.OperationPurchase, "")},
		"rejected in between":   {[]func(*View){underWay(v1alpha1.OrderValidating, under(1, v1alpha1.OperationPurchase)), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRejected)))}, Hold{Reason: ReasonOrderRejected}},
		"issued stays issued":   {[]func(*View){underWay(v1alpha1.OrderIssued, under(1, v1alpha1.OperationPurchase)), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRejected), certified("1", testDay, "False")))}, Rest{}},
		"finished for an older": {[]func(*View){underWay(v1alpha1.OrderIssued, under(1, v1alpha1.OperationResume), func(i *v1alpha1.Issuance) { i.CSRDigest = csrDigest("0") }), withPurchases(purchaseOf(1, certified("0", 199*testDay, "False")))}, starts(v1alpha1.OperationReissue, first)},
		"given up by a person":  {[]func(*View){underWay(v1alpha1.OrderValidating, under(1, v1alpha1.OperationPurchase)), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseAbsent)))}, starts(v1alpha1.OperationPurchase, "")},
		"term over meanwhile":   {[]func(*View){underWay(v1alpha1.OrderIssuing, under(1, v1alpha1.OperationPurchase)), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseExpired)))}, starts(v1alpha1.OperationPurchase, "")},
		"the cache is behind":   {[]func(*View){underWay(v1alpha1.OrderValidating, under(1, v1alpha1.OperationPurchase))}, Poll{Purchase: first}},
		"waits":                 {[]func(*View){underWay(v1alpha1.OrderPreflight), waits(time.Minute, 1)}, Rest{Until: testNow.Add(time.Minute)}},
		"waited":                {[]func(*View){underWay(v1alpha1.OrderPreflight), waits(0, 1)}, Preflight{}},
		"issuer was changed":    {[]func(*View){underWay(v1alpha1.OrderPreflight), waits(time.Minute, 0)}, Preflight{}},
	})
}

func TestNextOfPublishing(t *testing.T) {
	t.Parallel()
	prepared := func(edits ...func(*v1alpha1.Issuance)) func(*View) {
		return underWay(v1alpha1.OrderPublishing, append([]func(*v1alpha1.Issuance){challenged()}, edits...)...)
	}
	later := func(v *View) { v.Order.Status.NextCleanupAt = at(time.Second) }
	mode := func(m v1alpha1.PurchaseMode) func(*View) { return func(v *View) { v.Issuer.Policy.Mode = m } }
	check(t, map[string]decision{
		"hold before anything is published":    {[]func(*View){underWay(v1alpha1.OrderPublishing), mode(v1alpha1.PurchaseHold)}, Hold{Reason: ReasonOnHold}},
		"dry run before anything is published": {[]func(*View){prepared(), recorded("token", false), mode(v1alpha1.PurchaseDryRun)}, Hold{Reason: ReasonDryRun}},
		"nothing known":                        {[]func(*View){underWay(v1alpha1.OrderPublishing)}, Prepare{}},
		"to publish":                           {[]func(*View){prepared(), recorded("token", false)}, Publish{}},
		"old ones first":                       {[]func(*View){prepared(), recorded("old", true), recorded("token", false)}, RemoveRecords{}},
		"old ones don't hold it up":            {[]func(*View){prepared(), recorded("old", true), recorded("token", false), later}, Publish{}},
		"old ones don't stop it":               {[]func(*View){prepared(), recorded("old", true), recorded("token", true), later}, Observe{}},
		"to observe":                           {[]func(*View){prepared(), recorded("token", true)}, Observe{}},
		"to settle":                            {[]func(*View){prepared(propagatedSince(10 * time.Second)), recorded("token", true)}, Rest{Until: testNow.Add(50 * time.Second)}},
		"settled":                              {[]func(*View){prepared(propagatedSince(time.Minute)), recorded("token", true)}, Pay{}},
		"validated before":                     {[]func(*View){underWay(v1alpha1.OrderPublishing, challenged(func(c *v1alpha1.OrderChallenge) { c.Validated = true }))}, Pay{}},
		"nothing to look for":                  {[]func(*View){underWay(v1alpha1.OrderPublishing, challenged(func(c *v1alpha1.OrderChallenge) { c.RecordName, c.Method = "", v1alpha1.DCVMethodFile }))}, Pay{}},
	})
}

func TestNextOfOrdering(t *testing.T) {
	t.Parallel()
	mode := func(m v1alpha1.PurchaseMode) func(*View) { return func(v *View) { v.Issuer.Policy.Mode = m } }
	ordering := func(edits ...func(*v1alpha1.Issuance)) func(*View) {
		return underWay(v1alpha1.OrderOrdering, edits...)
	}
	reissuable := withPurchases(purchaseOf(1, certified("0", 60*testDay, "True")))
	renewable := withPurchases(purchaseOf(1, certified("0", 10*testDay, "True"), paidFor(10*testDay)))
	check(t, map[string]decision{
		"buy":                         {[]func(*View){ordering()}, Pay{}},
		"renew":                       {[]func(*View){ordering(under(1, v1alpha1.OperationRenew)), renewable}, Pay{Renews: first}},
		"reissue":                     {[]func(*View){ordering(under(1, v1alpha1.OperationReissue)), reissuable}, Reissue{Purchase: first}},
		"hold":                        {[]func(*View){ordering(), mode(v1alpha1.PurchaseHold)}, Hold{Reason: ReasonOnHold}},
		"dry run":                     {[]func(*View){ordering(), mode(v1alpha1.PurchaseDryRun)}, Hold{Reason: ReasonDryRun}},
		"hold a reissue":              {[]func(*View){ordering(under(1, v1alpha1.OperationReissue)), reissuable, mode(v1alpha1.PurchaseHold)}, Hold{Reason: ReasonOnHold}},
		"bought, the status was lost": {[]func(*View){ordering(), withPurchases(purchaseOf(1))}, starts(v1alpha1.OperationResume, first)},
		"reissue no longer worth it":  {[]func(*View){ordering(under(1, v1alpha1.OperationReissue)), renewable}, starts(v1alpha1.OperationRenew, first)},
		"reissue became possible":     {[]func(*View){ordering(), reissuable}, starts(v1alpha1.OperationReissue, first)},
		"refused before":              {[]func(*View){ordering(), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseRefused)))}, Pay{}},
		"absent before":               {[]func(*View){ordering(), withPurchases(purchaseOf(1, inState(v1alpha1.PurchaseAbsent)))}, Pay{}},
		"failed":                      {[]func(*View){underWay(v1alpha1.OrderFailed)}, Rest{}},
	})
}

func TestNextOfValidating(t *testing.T) {
	t.Parallel()
	validating := func(edits ...func(*v1alpha1.Issuance)) func(*View) {
		return underWay(v1alpha1.OrderValidating, append([]func(*v1alpha1.Issuance){under(1, v1alpha1.OperationPurchase)}, edits...)...)
	}
	bought := withPurchases(purchaseOf(1))
	poll := Poll{Purchase: first}
	ask := AskValidation{Purchase: first}
	published := recorded("token", true)
	file := func(c *v1alpha1.OrderChallenge) {
		c.Method, c.RecordName, c.URLs, c.Body = v1alpha1.DCVMethodFile, "", []string{"http://example.com/x"}, "x"
	}
	email := func(c *v1alpha1.OrderChallenge) { c.Method, c.RecordName = v1alpha1.DCVMethodEmail, "" }
	done := func(c *v1alpha1.OrderChallenge) { c.Validated = true }
	settled := propagatedSince(time.Minute)
	check(t, map[string]decision{
		"first look":            {[]func(*View){validating(challenged()), bought}, poll},
		"no challenges yet":     {[]func(*View){validating(polledOnce), bought}, poll},
		"to publish":            {[]func(*View){validating(polledOnce, challenged()), bought, recorded("token", false)}, Publish{}},
		"to observe":            {[]func(*View){validating(polledOnce, challenged()), bought, published}, Observe{}},
		"to settle":             {[]func(*View){validating(polledOnce, challenged(), propagatedSince(0)), bought, published}, Rest{Until: testNow.Add(time.Minute)}},
		"ask":                   {[]func(*View){validating(polledOnce, challenged(), settled), bought, published}, ask},
		"asked":                 {[]func(*View){validating(polledOnce, challenged(), settled, askedSince(time.Minute)), bought, published}, poll},
		"ask again":             {[]func(*View){validating(polledOnce, challenged(), settled, askedSince(10*time.Minute)), bought, published}, ask},
		"nobody to ask":         {[]func(*View){validating(polledOnce, challenged(), settled), bought, published, func(v *View) { v.Issuer.Capabilities.Validate = false }}, poll},
		"a file":                {[]func(*View){validating(polledOnce, challenged(file)), bought}, ask},
		"e-mail":                {[]func(*View){validating(polledOnce, challenged(email)), bought}, poll},
		"all validated":         {[]func(*View){validating(polledOnce, challenged(done)), bought}, poll},
		"issuing":               {[]func(*View){underWay(v1alpha1.OrderIssuing, under(1, v1alpha1.OperationPurchase)), bought}, poll},
		"issued, records left":  {[]func(*View){underWay(v1alpha1.OrderIssued, under(1, v1alpha1.OperationPurchase)), bought, published}, RemoveRecords{}},
		"issued, nothing to do": {[]func(*View){underWay(v1alpha1.OrderIssued, under(1, v1alpha1.OperationPurchase)), bought}, Rest{}},
	})
}
