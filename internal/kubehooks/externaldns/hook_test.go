package externaldns_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/externaldns"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/kubetest"
)

const zone = kubetest.Zones("example.com.")

var group = schema.GroupResource{Group: "externaldns.k8s.io", Resource: "dnsendpoints"}

func newHook(t *testing.T, api *kubetest.API, edit func(*externaldns.Config)) *externaldns.Hook {
	t.Helper()
	c := externaldns.Config{Namespace: "dns"}
	if edit != nil {
		edit(&c)
	}
	hook, err := externaldns.New(c, api, zone)
	require.NoError(t, err)
	return hook
}

func request(t *testing.T, kind dcv.RecordType, name, value string) dcv.Request {
	t.Helper()
	record, err := dcv.NewRecord(kind, name, value)
	require.NoError(t, err)
	return dcv.Request{ID: "team/web", DNSName: "example.com", Record: record}
}

func endpointOf(t *testing.T, object unstructured.Unstructured) map[string]any {
	t.Helper()
	endpoints, ok, err := unstructured.NestedSlice(object.Object, "spec", "endpoints")
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, endpoints, 1)
	return endpoints[0].(map[string]any)
}

func TestPresent(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind        dcv.RecordType
		name, value string
		edit        func(*externaldns.Config)
		want        map[string]any
	}{
		"TXT": {
			kind: dcv.TXT, name: "_dnsauth.example.com", value: "Token",
			want: map[string]any{"dnsName": "_dnsauth.example.com", "recordType": "TXT", "recordTTL": int64(60), "targets": []any{"Token"}},
		},
		"TXT in quotation marks": {
			kind: dcv.TXT, name: "_dnsauth.example.com", value: `say "hi"`,
			edit: func(c *externaldns.Config) { c.QuoteTXT = true },
			want: map[string]any{"dnsName": "_dnsauth.example.com", "recordType": "TXT", "recordTTL": int64(60), "targets": []any{`"say \"hi\""`}},
		},
		"long TXT in quotation marks": {
			kind: dcv.TXT, name: "_dnsauth.example.com", value: strings.Repeat("a", 256),
			edit: func(c *externaldns.Config) { c.QuoteTXT = true },
			want: map[string]any{"dnsName": "_dnsauth.example.com", "recordType": "TXT", "recordTTL": int64(60), "targets": []any{`"` + strings.Repeat("a", 255) + `" "a"`}},
		},
		"TXT of a host below the apex": {
			kind: dcv.TXT, name: "shop.example.com", value: "Token",
			want: map[string]any{"dnsName": "shop.example.com", "recordType": "TXT", "recordTTL": int64(60), "targets": []any{"Token"}},
		},
		"CNAME without the last dot, not proxied": {
			kind: dcv.CNAME, name: "_AB.example.com", value: "X.Sectigo.com.",
			edit: func(c *externaldns.Config) { c.TTL = 5 * time.Minute },
			want: map[string]any{
				"dnsName": "_ab.example.com", "recordType": "CNAME", "recordTTL": int64(300), "targets": []any{"x.sectigo.com"},
				"providerSpecific": []any{map[string]any{"name": "external-dns.alpha.kubernetes.io/cloudflare-proxied", "value": "false"}},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := kubetest.New(t, externaldns.Endpoint)
			hook := newHook(t, api, tc.edit)
			r := request(t, tc.kind, tc.name, tc.value)
			for range 2 { // idempotent
				state, err := hook.Present(t.Context(), r)
				require.NoError(t, err)
				assert.Equal(t, dcv.State{Phase: dcv.Done}, state)
				objects := api.All(t, externaldns.Endpoint)
				require.Len(t, objects, 1)
				assert.Equal(t, tc.want, endpointOf(t, objects[0]))
				assert.Equal(t, "dns", objects[0].GetNamespace())
			}
			for range 2 {
				require.NoError(t, hook.CleanUp(t.Context(), r))
				assert.Empty(t, api.All(t, externaldns.Endpoint))
			}
		})
	}
}

func TestLabelsAndAnnotations(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, func(c *externaldns.Config) {
		c.Labels, c.Annotations = map[string]string{"external-dns": "public"}, map[string]string{"dns/zone": "a"}
	})
	_, err := hook.Present(t.Context(), request(t, dcv.TXT, "_dnsauth.example.com", "a"))
	require.NoError(t, err)
	object := api.All(t, externaldns.Endpoint)[0]
	assert.Equal(t, map[string]string{"external-dns": "public", kubehooks.LabelManagedBy: kubehooks.Manager}, object.GetLabels())
	assert.Equal(t, map[string]string{"dns/zone": "a"}, object.GetAnnotations())
}

// One object has all values of a name; each goes alone, and the object with the last.
func TestValuesOfOneName(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	first, second := request(t, dcv.TXT, "_dnsauth.example.com", "a"), request(t, dcv.TXT, "_dnsauth.example.com", "b")
	for _, r := range []dcv.Request{first, second, request(t, dcv.CNAME, "_other.example.com", "c.example.net")} {
		_, err := hook.Present(t.Context(), r)
		require.NoError(t, err)
	}
	assert.Equal(t, []any{"a", "b"}, targets(t, api, "TXT"))
	assert.Len(t, api.All(t, externaldns.Endpoint), 2)
	require.NoError(t, hook.CleanUp(t.Context(), first))
	assert.Equal(t, []any{"b"}, targets(t, api, "TXT"))
	require.NoError(t, hook.CleanUp(t.Context(), request(t, dcv.TXT, "_dnsauth.example.com", "never there")))
	assert.Equal(t, []any{"b"}, targets(t, api, "TXT"))
	require.NoError(t, hook.CleanUp(t.Context(), second))
	assert.Nil(t, targets(t, api, "TXT"))
	assert.Len(t, api.All(t, externaldns.Endpoint), 1)
}

func targets(t *testing.T, api *kubetest.API, kind string) any {
	t.Helper()
	for _, object := range api.All(t, externaldns.Endpoint) {
		if endpoint := endpointOf(t, object); endpoint["recordType"] == kind {
			return endpoint["targets"]
		}
	}
	return nil
}

// Hooks of several names work at the same time, and no value is lost.
func TestManyNamesAtOnce(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	var group sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		group.Go(func() {
			_, errs[i] = hook.Present(context.WithoutCancel(t.Context()), request(t, dcv.TXT, fmt.Sprintf("_dnsauth.host%d.example.com", i), "a"))
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	assert.Len(t, api.All(t, externaldns.Endpoint), 200)
}

// Another writer comes between reading and writing.
func TestConflictingWriters(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	r := request(t, dcv.TXT, "_dnsauth.example.com", "mine")
	_, err := hook.Present(t.Context(), request(t, dcv.TXT, "_dnsauth.example.com", "first"))
	require.NoError(t, err)
	other := newHook(t, api, nil)
	interfere := 2
	api.Before = func(call string) error {
		if call != "apply" || interfere == 0 {
			return nil
		}
		interfere--
		remaining := interfere
		interfere = 0
		_, err := other.Present(t.Context(), request(t, dcv.TXT, "_dnsauth.example.com", fmt.Sprintf("other%d", remaining)))
		interfere = remaining
		return err
	}
	_, err = hook.Present(t.Context(), r)
	require.NoError(t, err)
	assert.ElementsMatch(t, []any{"first", "other1", "other0", "mine"}, targets(t, api, "TXT"))
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	r := request(t, dcv.CNAME, "_ab.example.com", "one.example.net")
	_, err := hook.Present(t.Context(), r)
	require.NoError(t, err)
	_, err = hook.Present(t.Context(), request(t, dcv.CNAME, "_ab.example.com", "two.example.net"))
	require.ErrorIs(t, err, dcv.ErrConflict)
	require.ErrorContains(t, err, "one.example.net")

	// Somebody else's object is left alone, also by the clean-up.
	object := api.All(t, externaldns.Endpoint)[0]
	object.SetLabels(nil)
	require.NoError(t, api.Update(t.Context(), &object))
	_, err = hook.Present(t.Context(), r)
	require.ErrorIs(t, err, dcv.ErrConflict)
	require.ErrorContains(t, err, object.GetName())
	require.NoError(t, hook.CleanUp(t.Context(), r))
	assert.Len(t, api.All(t, externaldns.Endpoint), 1)
}

func TestApex(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	assert.False(t, hook.Capabilities().Apex)
	_, err := hook.Present(t.Context(), request(t, dcv.TXT, "example.com", "a"))
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorContains(t, err, "apex")
	assert.Empty(t, api.All(t, externaldns.Endpoint))
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		installed bool
		err       error
		is        error
		text      []string
		cleanUp   bool // whether the clean-up fails, too
	}{
		"no CRD":    {is: dcv.ErrUnsupported, text: []string{"DNSEndpoint", "externaldns.k8s.io/v1alpha1", "install the CRD of external-dns"}},
		"forbidden": {installed: true, err: apierrors.NewForbidden(group, "x", nil), is: dcv.ErrDenied, text: []string{"namespace dns", "{apiGroups: [externaldns.k8s.io], resources: [dnsendpoints], verbs: [get, create, patch, delete]}"}, cleanUp: true},
		"outage":    {installed: true, err: apierrors.NewInternalError(errors.New("etcd is down")), text: []string{"etcd is down"}, cleanUp: true},
		"contended": {installed: true, err: apierrors.NewConflict(group, "x", nil), text: []string{"DNSEndpoint dns/"}, cleanUp: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := kubetest.New(t)
			if tc.installed {
				api = kubetest.New(t, externaldns.Endpoint)
				api.Before = func(string) error { return tc.err }
			}
			hook := newHook(t, api, nil)
			r := request(t, dcv.TXT, "_dnsauth.example.com", "a")
			_, err := hook.Present(t.Context(), r)
			require.Error(t, err)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			for _, text := range tc.text {
				require.ErrorContains(t, err, text)
			}
			err = hook.CleanUp(t.Context(), r)
			assert.Equal(t, tc.cleanUp, err != nil, "%v", err)
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t, externaldns.Endpoint)
	hook := newHook(t, api, nil)
	require.NoError(t, hook.Probe(t.Context()))
	require.Len(t, api.Reviews, 4)
	assert.Equal(t, "dns", api.Reviews[0].Namespace)
	assert.Equal(t, "dnsendpoints", api.Reviews[0].Resource)
	api.Denied = []string{"delete"}
	require.ErrorIs(t, hook.Probe(t.Context()), dcv.ErrDenied)
	err := newHook(t, kubetest.New(t), nil).Probe(t.Context())
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorContains(t, err, "install the CRD of external-dns")
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := externaldns.New(externaldns.Config{}, nil, nil)
	require.ErrorContains(t, err, "namespace")
	_, err = externaldns.New(externaldns.Config{Namespace: "dns", Labels: map[string]string{kubehooks.LabelManagedBy: "me"}}, nil, nil)
	require.ErrorContains(t, err, "labels")
}
