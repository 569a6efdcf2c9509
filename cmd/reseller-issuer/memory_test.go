package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// manyOrders is how many the controller must have room for.
const manyOrders = 10_000

// BenchmarkCache measures what the cache takes for 10,000 orders, each with its purchase, its
// request and the Secret of its Certificate: objects as the API server sends them, reduced as
// the cache reduces them. `make bench` runs it.
func BenchmarkCache(b *testing.B) {
	kinds := []struct {
		name      string
		example   func(int) client.Object
		empty     func() client.Object
		transform cache.TransformFunc
	}{
		{"orders", exampleOrder, func() client.Object { return &v1alpha1.ResellerOrder{} }, trimOrder},
		{"purchases", examplePurchase, func() client.Object { return &v1alpha1.ResellerPurchase{} }, trimPurchase},
		{"requests", exampleRequest, func() client.Object { return &cmapi.CertificateRequest{} }, trimRequest},
		{"secrets", exampleSecret, func() client.Object { return &metav1.PartialObjectMetadata{} }, trimSecret},
	}
	for b.Loop() {
		stores := make([]cache.Indexer, len(kinds))
		before, total := heap(), 0.0
		for k, kind := range kinds {
			stores[k] = cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
			for n := range manyOrders {
				text, err := json.Marshal(kind.example(n))
				require.NoError(b, err)
				object := kind.empty()
				require.NoError(b, json.Unmarshal(text, object))
				reduced, err := kind.transform(object)
				require.NoError(b, err)
				require.NoError(b, stores[k].Add(reduced))
			}
			after := heap()
			b.ReportMetric(after-before, "MiB-"+kind.name)
			total += after - before
			before = after
		}
		b.ReportMetric(total, "MiB-all")
		runtime.KeepAlive(stores)
	}
}

// heap is what is live, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / (1 << 20)
}

// A CSR with a key of 2048 bits has about 1,000 bytes in PEM.
func exampleCSR(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%010d", n), 100) }

func exampleMeta(namespace string, n int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: fmt.Sprintf("certificate-%d-1f3a90c2", n), UID: types.UID(fmt.Sprintf("3f2a7c1e-0000-4000-8000-%012d", n)),
		ResourceVersion: fmt.Sprint(1_000_000 + n), CreationTimestamp: metav1.NewTime(testClock()),
		Labels: map[string]string{v1alpha1.LabelOrderKey: fmt.Sprintf("%032x", n), v1alpha1.LabelAccount: fmt.Sprintf("%032x", 1)},
		ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: "reseller-issuer", Operation: metav1.ManagedFieldsOperationUpdate,
			FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:status":{"f:conditions":{}}}`)},
		}},
	}
}

func exampleOrder(n int) client.Object {
	name := fmt.Sprintf("host-%d.example.com", n)
	until := metav1.NewTime(testClock().Add(300 * 24 * time.Hour))
	order := &v1alpha1.ResellerOrder{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ResellerOrder"}, ObjectMeta: exampleMeta("team", n),
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerClusterIssuer", Name: "shop"}, Key: fmt.Sprintf("%032x", n), CertificateName: name,
			Request: &v1alpha1.OrderRequest{
				Kind: v1alpha1.RequestKindCertificateRequest, Name: name + "-1", UID: types.UID(fmt.Sprintf("4f2a7c1e-0000-4000-8000-%012d", n)),
				CreatedAt: until, CSR: exampleCSR(n), CSRDigest: fmt.Sprintf("%064x", n), CommonName: name, Names: []string{name, "www." + name},
			},
		},
		Status: v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderIssued, Message: "the certificate is there", Purchase: fmt.Sprintf("%032x-1", n), PaidUntil: &until,
			Certificate: &v1alpha1.OrderCertificate{
				CSRDigest: fmt.Sprintf("%064x", n), SHA256: fmt.Sprintf("%064x", n), Serial: fmt.Sprintf("%032x", n), NotBefore: until, NotAfter: until,
			},
		},
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionHeld, v1alpha1.ConditionIdle, v1alpha1.ConditionPaid, v1alpha1.ConditionValidated} {
		message := "the certificate is there"
		if kind == v1alpha1.ConditionPaid {
			message = "paid until 2027-11-25 by ResellerPurchase " + order.Status.Purchase
		}
		order.Status.Conditions = append(order.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: "Issued", Message: message, LastTransitionTime: until,
		})
	}
	return order
}

func examplePurchase(n int) client.Object {
	name, at := fmt.Sprintf("host-%d.example.com", n), metav1.NewMicroTime(testClock())
	until := metav1.NewTime(testClock().Add(300 * 24 * time.Hour))
	purchase := &v1alpha1.ResellerPurchase{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ResellerPurchase"}, ObjectMeta: exampleMeta("", n),
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: fmt.Sprintf("%032x", n), ClusterID: "5f2a7c1e-0000-4000-8000-000000000000", OrderNamespace: "team", OrderName: name,
			IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerClusterIssuer", Name: "shop"},
			Account:   v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.cyberssl.com/v1", Name: "account@example.com"},
			Kind:      v1alpha1.PurchaseNew, Product: "17", TermMonths: 12, Names: []string{name, "www." + name}, CommonName: name,
			CSR: exampleCSR(n), CSRDigest: fmt.Sprintf("%064x", n), Reference: fmt.Sprintf("ri-%024x", n), Method: v1alpha1.DCVMethodCNAME,
			IntendedAt: at, FinishedAt: &at, State: v1alpha1.PurchaseBought, PaidUntil: &until,
			OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: fmt.Sprint(n)}}, Price: &v1alpha1.Money{Amount: "5.20", Currency: "EUR"},
			// A year of certificates that live 100 days, and the reissue of the last one.
			Operation: &v1alpha1.PurchaseOperation{
				ID: fmt.Sprintf("6f2a7c1e-0000-4000-8000-%012d", n), Kind: v1alpha1.PurchaseOperationReissue, Reference: fmt.Sprintf("ri-%024x", n),
				CSR: exampleCSR(n + 1), CSRDigest: fmt.Sprintf("%064x", n+1), IntendedAt: at, Outcome: v1alpha1.OperationDone, FinishedAt: &at,
			},
		},
	}
	for i := range 5 {
		purchase.Spec.Reissues = append(purchase.Spec.Reissues, until)
		purchase.Spec.Certificates = append(purchase.Spec.Certificates, v1alpha1.PurchasedCertificate{
			CSRDigest: fmt.Sprintf("%064x", n+i), Serial: fmt.Sprintf("%032x", n+i), NotAfter: until, IssuedAt: until, HandedOver: metav1.ConditionTrue,
		})
	}
	return purchase
}

func exampleRequest(n int) client.Object {
	request := &cmapi.CertificateRequest{
		TypeMeta: metav1.TypeMeta{APIVersion: cmapi.SchemeGroupVersion.String(), Kind: "CertificateRequest"}, ObjectMeta: exampleMeta("team", n),
		Spec: cmapi.CertificateRequestSpec{
			IssuerRef: cmmeta.IssuerReference{Group: v1alpha1.GroupVersion.Group, Kind: "ResellerClusterIssuer", Name: "shop"},
			Request:   exampleCSR(n), Username: "system:serviceaccount:cert-manager:cert-manager", UID: "7f2a7c1e-0000-4000-8000-000000000000",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:cert-manager", "system:authenticated"},
		},
		Status: cmapi.CertificateRequestStatus{Certificate: bytes.Repeat([]byte("chain"), 1000)},
	}
	request.Annotations = map[string]string{cmapi.CertificateNameKey: request.Name, cmapi.CertificateRequestRevisionAnnotationKey: "5"}
	for _, kind := range []cmapi.CertificateRequestConditionType{cmapi.CertificateRequestConditionApproved, cmapi.CertificateRequestConditionReady} {
		request.Status.Conditions = append(request.Status.Conditions, cmapi.CertificateRequestCondition{
			Type: kind, Status: cmmeta.ConditionTrue, Reason: cmapi.CertificateRequestReasonIssued, Message: "Succeeded signing the CertificateRequest",
			LastTransitionTime: new(metav1.NewTime(testClock())),
		})
	}
	return request
}

func exampleSecret(n int) client.Object {
	secret := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: exampleMeta("team", n)}
	secret.Annotations = map[string]string{"cert-manager.io/alt-names": secret.Name, "cert-manager.io/certificate-name": secret.Name}
	return secret
}
