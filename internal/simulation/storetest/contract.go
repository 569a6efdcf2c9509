// Package storetest says what the controller relies on in a Kubernetes API server, as a test
// that the store of the simulation and the real one both pass.
package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// server is an API server under test: a client without a cache and a namespace of its own, whose
// name is also the beginning of the names of purchases.
type server struct {
	*testing.T
	client.Client
	namespace string
}

// Run holds an API server to the contract. The namespace must exist and be empty, and no
// controller may be at work in it.
func Run(t *testing.T, c client.Client, namespace string) {
	for name, check := range map[string]func(server){
		"a name is given once":                      existing,
		"a new object gets its identity":            identity,
		"a stale write is refused":                  stale,
		"a write without a version is refused":      blind,
		"a write to another object is refused":      otherUID,
		"a write to nothing is refused":             missing,
		"status and rest are written apart":         apart,
		"a new object has no status":                newStatus,
		"only a change of the spec is a generation": generations,
		"writing nothing makes no version":          noChange,
		"a patch may have a condition":              conditionalPatch,
		"a patch leaves the status alone":           patchedStatus,
		"a deletion may have conditions":            conditionalDelete,
		"finalizers hold an object":                 finalizers,
		"a name that is made again is another":      again,
		"times lose what their type can't hold":     times,
		"lists are selected by label":               listed,
		"lists come in pages":                       pages,
		"fields without an index can't be selected": noIndex,
	} {
		t.Run(name, func(t *testing.T) { check(server{T: t, Client: c, namespace: namespace}) })
	}
}

// key is a valid order key of 32 digits that differs from test to test.
func (s server) key() string {
	key := fmt.Sprintf("%x", s.Name())
	return (key + strings.Repeat("0", 32))[max(0, len(key)-32):][:32]
}

func (s server) order() *v1alpha1.ResellerOrder {
	return &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "contract-" + s.key()},
		Spec: v1alpha1.ResellerOrderSpec{
			Key: s.key(), IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: s.namespace, Name: "none"},
		},
	}
}

func (s server) purchase(number int) *v1alpha1.ResellerPurchase {
	return &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{
			Name:   fmt.Sprintf("%s-%s-%d", s.namespace, s.key(), number),
			Labels: map[string]string{v1alpha1.LabelOrderKey: s.key()},
		},
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: s.key(), OrderNamespace: s.namespace, OrderName: "none", ClusterID: "test", Reference: "ri-1",
			IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: s.namespace, Name: "none"},
			Account:   v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://reseller.invalid", Name: "none"},
			Kind:      v1alpha1.PurchaseNew, Product: "1", TermMonths: 12, Names: []string{"a.example.com"}, CommonName: "a.example.com",
			CSR: []byte("x"), CSRDigest: strings.Repeat("0", 64), Method: v1alpha1.DCVMethodCNAME,
			IntendedAt: metav1.NowMicro(), State: v1alpha1.PurchaseRefused,
		},
	}
}

// made creates an object, which is removed at the end.
func made[T client.Object](s server, object T) T {
	s.Helper()
	require.NoError(s, s.Create(s.Context(), object))
	s.Cleanup(func() {
		if err := s.Delete(context.WithoutCancel(s.Context()), object); err != nil {
			assert.True(s, apierrors.IsNotFound(err), err)
		}
	})
	return object
}

// read is the present version of an object.
func read[T client.Object](s server, object T) T {
	s.Helper()
	fresh := object.DeepCopyObject().(T)
	require.NoError(s, s.Get(s.Context(), client.ObjectKeyFromObject(object), fresh))
	return fresh
}

func existing(s server) {
	made(s, s.purchase(1))
	err := s.Create(s.Context(), s.purchase(1))
	assert.True(s, apierrors.IsAlreadyExists(err), err)
}

func identity(s server) {
	before := time.Now().Add(-time.Minute)
	given := s.order()
	given.UID, given.Generation = "mine", 7
	order := made(s, given)
	assert.NotEqual(s, types.UID("mine"), order.UID)
	assert.NotEmpty(s, order.UID)
	assert.NotEmpty(s, order.ResourceVersion)
	assert.EqualValues(s, 1, order.Generation)
	assert.True(s, order.CreationTimestamp.After(before))
	assert.Equal(s, order.UID, read(s, order).UID)

	again := s.purchase(1)
	again.ResourceVersion = order.ResourceVersion
	assert.Error(s, s.Create(s.Context(), again), "an object that has a version was made before")
}

func stale(s server) {
	purchase := made(s, s.purchase(1))
	old := purchase.DeepCopy()
	purchase.Spec.Message = "first"
	require.NoError(s, s.Update(s.Context(), purchase))
	assert.NotEqual(s, old.ResourceVersion, purchase.ResourceVersion)
	old.Spec.Message = "second"
	err := s.Update(s.Context(), old)
	require.True(s, apierrors.IsConflict(err), err)
	assert.Equal(s, "first", read(s, purchase).Spec.Message)

	order := made(s, s.order())
	before := order.DeepCopy()
	order.Status.Message = "first"
	require.NoError(s, s.Status().Update(s.Context(), order))
	before.Status.Message = "second"
	err = s.Status().Update(s.Context(), before)
	require.True(s, apierrors.IsConflict(err), err)
	before.Spec.CertificateName = "web"
	err = s.Update(s.Context(), before)
	assert.True(s, apierrors.IsConflict(err), "a write of the status counts for the rest too: %v", err)
}

func blind(s server) {
	purchase := made(s, s.purchase(1))
	purchase.ResourceVersion = ""
	err := s.Update(s.Context(), purchase)
	assert.True(s, apierrors.IsInvalid(err), err)
}

func otherUID(s server) {
	purchase := made(s, s.purchase(1))
	purchase.UID = "00000000-0000-4000-8000-ffffffffffff"
	err := s.Update(s.Context(), purchase)
	assert.True(s, apierrors.IsConflict(err), err)
}

func missing(s server) {
	order := made(s, s.order())
	require.NoError(s, s.Delete(s.Context(), order))
	assert.True(s, apierrors.IsNotFound(s.Get(s.Context(), client.ObjectKeyFromObject(order), order.DeepCopy())))
	assert.True(s, apierrors.IsNotFound(s.Update(s.Context(), order.DeepCopy())))
	assert.True(s, apierrors.IsNotFound(s.Status().Update(s.Context(), order.DeepCopy())))
	assert.True(s, apierrors.IsNotFound(s.Delete(s.Context(), order.DeepCopy())))
}

func apart(s server) {
	order := made(s, s.order())
	order.Spec.CertificateName, order.Status.Message = "web", "lost"
	require.NoError(s, s.Update(s.Context(), order))
	assert.Empty(s, read(s, order).Status.Message)
	assert.Empty(s, order.Status.Message, "the writer is told what is stored")

	order.Spec.CertificateName, order.Status.Message = "lost", "kept"
	order.Labels = map[string]string{"lost": "true"}
	require.NoError(s, s.Status().Update(s.Context(), order))
	fresh := read(s, order)
	assert.Equal(s, "web", fresh.Spec.CertificateName)
	assert.Equal(s, "kept", fresh.Status.Message)
	assert.Empty(s, fresh.Labels)
	assert.Equal(s, "web", order.Spec.CertificateName, "the writer is told what is stored")
}

func newStatus(s server) {
	given := s.order()
	given.Status.Message = "lost"
	order := made(s, given)
	assert.Empty(s, read(s, order).Status.Message)
}

func generations(s server) {
	order := made(s, s.order())
	order.Labels = map[string]string{"a": "b"}
	require.NoError(s, s.Update(s.Context(), order))
	assert.EqualValues(s, 1, order.Generation)
	order.Status.Message = "news"
	require.NoError(s, s.Status().Update(s.Context(), order))
	assert.EqualValues(s, 1, order.Generation)
	order.Spec.CertificateName = "web"
	require.NoError(s, s.Update(s.Context(), order))
	assert.EqualValues(s, 2, order.Generation)
}

func noChange(s server) {
	purchase := made(s, s.purchase(1))
	version := purchase.ResourceVersion
	require.NoError(s, s.Update(s.Context(), purchase))
	assert.Equal(s, version, purchase.ResourceVersion)
}

func conditionalPatch(s server) {
	order := made(s, s.order())
	old := order.DeepCopy()
	order.Status.Message = "news"
	require.NoError(s, s.Status().Update(s.Context(), order))

	changed := old.DeepCopy()
	changed.Finalizers = []string{v1alpha1.FinalizerRecords}
	err := s.Patch(s.Context(), changed, client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{}))
	require.True(s, apierrors.IsConflict(err), err)

	changed = old.DeepCopy()
	changed.Labels = map[string]string{"a": "b"}
	require.NoError(s, s.Patch(s.Context(), changed, client.MergeFrom(old)))
	assert.Equal(s, "b", read(s, order).Labels["a"])
}

func patchedStatus(s server) {
	order := made(s, s.order())
	order.Status.Message = "kept"
	require.NoError(s, s.Status().Update(s.Context(), order))
	changed := order.DeepCopy()
	changed.Status.Message, changed.Finalizers = "lost", []string{v1alpha1.FinalizerRecords}
	require.NoError(s, s.Patch(s.Context(), changed, client.MergeFromWithOptions(order, client.MergeFromWithOptimisticLock{})))
	fresh := read(s, order)
	assert.Equal(s, "kept", fresh.Status.Message)
	assert.Equal(s, []string{v1alpha1.FinalizerRecords}, fresh.Finalizers)
	assert.Equal(s, fresh.ResourceVersion, changed.ResourceVersion)
	release(s, fresh)
}

func release(s server, order *v1alpha1.ResellerOrder) {
	s.Helper()
	order.Finalizers = nil
	require.NoError(s, s.Update(s.Context(), order))
}

func conditionalDelete(s server) {
	purchase := made(s, s.purchase(1))
	old, other := purchase.ResourceVersion, types.UID("00000000-0000-4000-8000-ffffffffffff")
	purchase.Spec.Message = "news"
	require.NoError(s, s.Update(s.Context(), purchase))
	err := s.Delete(s.Context(), purchase, client.Preconditions{ResourceVersion: &old})
	require.True(s, apierrors.IsConflict(err), err)
	err = s.Delete(s.Context(), purchase, client.Preconditions{UID: &other})
	require.True(s, apierrors.IsConflict(err), err)
	require.NoError(s, s.Delete(s.Context(), purchase, client.Preconditions{UID: &purchase.UID, ResourceVersion: &purchase.ResourceVersion}))
}

func finalizers(s server) {
	given := s.order()
	given.Finalizers = []string{v1alpha1.FinalizerRecords}
	order := made(s, given)
	require.NoError(s, s.Delete(s.Context(), order))
	order = read(s, order)
	require.NotNil(s, order.DeletionTimestamp)
	order.Status.Message = "still written"
	require.NoError(s, s.Status().Update(s.Context(), order))
	release(s, order)
	err := s.Get(s.Context(), client.ObjectKeyFromObject(order), order.DeepCopy())
	assert.True(s, apierrors.IsNotFound(err), err)
}

func again(s server) {
	first := made(s, s.order())
	require.NoError(s, s.Delete(s.Context(), first))
	second := made(s, s.order())
	assert.NotEqual(s, first.UID, second.UID)
	first.Spec.CertificateName = "web"
	err := s.Update(s.Context(), first)
	assert.True(s, apierrors.IsConflict(err), err)
}

func times(s server) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 123456789, time.UTC)
	given := s.purchase(1)
	given.Spec.IntendedAt = metav1.NewMicroTime(at)
	until := metav1.NewTime(at)
	given.Spec.PaidUntil = &until
	purchase := read(s, made(s, given))
	assert.True(s, purchase.Spec.IntendedAt.Equal(&metav1.MicroTime{Time: at.Truncate(time.Microsecond)}), purchase.Spec.IntendedAt)
	assert.True(s, purchase.Spec.PaidUntil.Equal(&metav1.Time{Time: at.Truncate(time.Second)}), purchase.Spec.PaidUntil)
}

// list reads the purchases of the test's key.
func (s server) list(options ...client.ListOption) *v1alpha1.ResellerPurchaseList {
	s.Helper()
	list := &v1alpha1.ResellerPurchaseList{}
	require.NoError(s, s.List(s.Context(), list, append(options, client.MatchingLabels{v1alpha1.LabelOrderKey: s.key()})...))
	return list
}

func listed(s server) {
	made(s, s.purchase(1))
	other := s.purchase(2)
	other.Labels = map[string]string{v1alpha1.LabelOrderKey: "other"}
	made(s, other)
	require.Len(s, s.list().Items, 1)
	assert.Equal(s, s.purchase(1).Name, s.list().Items[0].Name)
}

func pages(s server) {
	for number := 1; number <= 3; number++ {
		made(s, s.purchase(number))
	}
	first := s.list(client.Limit(2))
	require.Len(s, first.Items, 2)
	require.NotEmpty(s, first.Continue)
	// What is made in between isn't in the second page.
	made(s, s.purchase(4))
	second := s.list(client.Limit(2), client.Continue(first.Continue))
	assert.Len(s, second.Items, 1)
	assert.Empty(s, second.Continue)
	assert.Len(s, s.list().Items, 4)
}

func noIndex(s server) {
	err := s.List(s.Context(), &v1alpha1.ResellerPurchaseList{}, client.MatchingFields{"spec.key": s.key()})
	assert.True(s, apierrors.IsBadRequest(err), err)
}
