package order

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func found(id string, evidence providers.Evidence) providers.Found {
	return providers.Found{Order: providers.Order{IDs: providers.IDs{"order_id": id}}, Evidence: evidence}
}

func TestConclude(t *testing.T) {
	t.Parallel()
	knowable := providers.Profile{CallTimeout: 30 * time.Second, VisibilityDelay: 2 * time.Minute, AbsenceKnowable: true}
	unknowable := knowable
	unknowable.AbsenceKnowable = false
	// 10 s to send, 30 s for the call, 2 min to become visible, 60 s on top.
	const fence = 3*time.Minute + 40*time.Second
	cases := map[string]struct {
		found   []providers.Found
		watched time.Duration
		profile providers.Profile
		kind    providers.OperationKind
		adopt   string
		absent  bool
		hold    string
	}{
		"by reference":               {found: []providers.Found{found("7", providers.EvidenceReference)}, profile: knowable, adopt: "7"},
		"by CSR":                     {found: []providers.Found{found("7", providers.EvidenceCSR)}, profile: unknowable, adopt: "7"},
		"a sure one among similar":   {found: []providers.Found{found("6", providers.EvidenceNames), found("7", providers.EvidenceCSR)}, profile: knowable, adopt: "7"},
		"two sure ones":              {found: []providers.Found{found("6", providers.EvidenceReference), found("7", providers.EvidenceCSR)}, profile: knowable, hold: "order_id 6; order_id 7"},
		"nothing yet":                {watched: fence - 1, profile: knowable},
		"nothing":                    {watched: fence, profile: knowable, absent: true},
		"nothing, which says little": {watched: fence, profile: unknowable, hold: "can't tell"},
		"nothing yet to be said":     {watched: fence - 1, profile: unknowable},
		"names, early":               {found: []providers.Found{found("7", providers.EvidenceNames)}, watched: fence - 1, profile: knowable},
		"names, late":                {found: []providers.Found{found("7", providers.EvidenceNames)}, watched: fence, profile: knowable, hold: "order_id 7"},
		"names where absence is not knowable": {
			found: []providers.Found{found("7", providers.EvidenceNames)}, watched: fence, profile: unknowable, hold: "same names",
		},
		"an enrolment that the order doesn't show":       {watched: fence, profile: unknowable, kind: providers.Enrol, absent: true},
		"an enrolment that the order doesn't show yet":   {watched: fence - 1, profile: unknowable, kind: providers.Enrol},
		"a cancellation that the order doesn't show":     {watched: fence, profile: unknowable, kind: providers.Cancel, absent: true},
		"a reissue where absence is not knowable either": {watched: fence, profile: unknowable, kind: providers.Reissue, hold: "can't tell"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := conclude(tc.found, tc.watched, tc.profile, cmp.Or(tc.kind, providers.Purchase))
			assert.Equal(t, tc.absent, v.absent)
			if tc.adopt == "" {
				assert.Nil(t, v.adopt)
			} else if assert.NotNil(t, v.adopt) {
				assert.Equal(t, providers.IDs{"order_id": tc.adopt}, v.adopt.IDs)
			}
			if tc.hold == "" {
				assert.Empty(t, v.hold)
			}
			assert.Contains(t, v.hold, tc.hold)
		})
	}
}

func TestConcludeListsFewOrders(t *testing.T) {
	t.Parallel()
	many := make([]providers.Found, 50)
	for i := range many {
		many[i] = found("123456789", providers.EvidenceCSR)
	}
	assert.Less(t, len(conclude(many, 0, providers.Profile{}, providers.Purchase).hold), 300)
}

// A search counts from when it began, and an unknown intent has not been watched at all.
func TestWatches(t *testing.T) {
	t.Parallel()
	var w watches
	assert.Zero(t, w.look("never seen", testNow), "an intent that was never seen has been watched for no time")
	seen := w.snapshot([]string{"a"}, testNow)
	assert.Equal(t, Watch{Since: testNow}, seen["a"])
	assert.Equal(t, time.Minute, w.look("a", testNow.Add(time.Minute)))
	seen = w.snapshot([]string{"a", "b"}, testNow.Add(time.Hour))
	assert.Equal(t, Watch{Since: testNow, LastLook: testNow.Add(time.Minute)}, seen["a"])
	assert.Equal(t, Watch{Since: testNow.Add(time.Hour)}, seen["b"])
	w.forget("a")
	assert.Equal(t, testNow.Add(2*time.Hour), w.snapshot([]string{"a"}, testNow.Add(2*time.Hour))["a"].Since)
}
