package signer

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

// drain returns the recorded events, "TYPE REASON NOTE" each.
func drain(recorder *events.FakeRecorder) []string {
	var all []string
	for {
		select {
		case e := <-recorder.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

type eventCall struct {
	object                  runtime.Object
	eventType, reason, note string
	args                    []any
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	other := newRequest(t, "web-2", 0, keyPair{})
	request := newRequest(t, "web-1", 0, keyPair{})
	const warning = corev1.EventTypeWarning
	doubled := pendingPrefix + pendingPrefix
	cases := map[string]struct {
		calls []eventCall
		want  []string
	}{
		"waiting is normal, its prefix goes": {
			calls: []eventCall{{request, warning, "RetryableError", doubled + "create a record", nil}},
			want:  []string{"Normal Pending create a record"},
		},
		"waiting of a Kubernetes CSR": {
			calls: []eventCall{{request, warning, "Pending", pendingPrefix + "create a record", nil}},
			want:  []string{"Normal Pending create a record"},
		},
		"real trouble is a warning": {
			calls: []eventCall{{request, warning, "RetryableError", "Failed to sign", nil}},
			want:  []string{"Warning RetryableError Failed to sign"},
		},
		"repeats": {
			calls: []eventCall{
				{request, warning, "RetryableError", doubled + "a", nil},
				{request, warning, "RetryableError", doubled + "a", nil},
				{other, warning, "RetryableError", doubled + "a", nil},
				{request, warning, "RetryableError", doubled + "b", nil},
				{request, warning, "RetryableError", doubled + "a", nil},
			},
			want: []string{"Normal Pending a", "Normal Pending a", "Normal Pending b", "Normal Pending a"},
		},
		"text is no format": {
			calls: []eventCall{{request, warning, "PermanentError", "100%s %d %n", nil}},
			want:  []string{"Warning PermanentError 100%s %d %n"},
		},
		"a format with arguments is one": {
			calls: []eventCall{{request, "Normal", "Issued", "serial %s", []any{"0a%d"}}},
			want:  []string{"Normal Issued serial 0a%d"},
		},
		"checks that change nothing": {
			calls: []eventCall{{readyIssuer(), "Normal", "Checked", "Succeeded", nil}, {readyIssuer(), "Normal", "Checked", "Succeeded", nil}},
		},
		"trouble, healed, the same trouble": {
			calls: []eventCall{
				{issuer(), warning, "RetryableError", "bad key", nil},
				{issuer(), warning, "RetryableError", "bad key", nil},
				{issuer(), "Normal", "Checked", "Succeeded", nil},
				{issuer(), warning, "RetryableError", "bad key", nil},
			},
			want: []string{"Warning RetryableError bad key", "Normal Checked Succeeded", "Warning RetryableError bad key"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, record(tc.calls))
		})
	}
}

// record returns what comes out of the recorder.
func record(calls []eventCall) []string {
	inner := events.NewFakeRecorder(10)
	recorder := NewRecorder(inner)
	for _, c := range calls {
		recorder.Eventf(c.object, nil, c.eventType, c.reason, "Synced", c.note, c.args...)
	}
	return drain(inner)
}

func TestRecorderCutsLongText(t *testing.T) {
	t.Parallel()
	inner := events.NewFakeRecorder(1)
	NewRecorder(inner).Eventf(issuer(), nil, "Warning", "RetryableError", "Synced", strings.Repeat("é", 2000), []any(nil)...)
	text := strings.TrimPrefix(drain(inner)[0], "Warning RetryableError ")
	assert.LessOrEqual(t, len(text), maxNote)
	assert.True(t, utf8.ValidString(text))
	assert.True(t, strings.HasSuffix(text, "..."))
}
