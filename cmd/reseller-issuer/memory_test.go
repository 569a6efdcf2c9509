package main

import (
	"encoding/json"
	"runtime"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/crowd"
)

// manyOrders is how many the controller must have room for.
const manyOrders = 10_000

// BenchmarkCache measures what the cache takes for 10,000 orders, each with its purchase, its
// request and the Secret of its Certificate: objects as the API server sends them, reduced as
// the cache reduces them. `make bench` runs it.
func BenchmarkCache(b *testing.B) {
	many, err := crowd.New(testClock())
	require.NoError(b, err)
	kinds := []struct {
		name      string
		example   func(int) client.Object
		empty     func() client.Object
		transform cache.TransformFunc
	}{
		{"orders", func(n int) client.Object { return many.Order(n, "4f2a7c1e-0000-4000-8000-000000000000") }, func() client.Object { return &v1alpha1.ResellerOrder{} }, trimOrder},
		{"purchases", func(n int) client.Object { return many.Purchase(n) }, func() client.Object { return &v1alpha1.ResellerPurchase{} }, trimPurchase},
		{"requests", func(n int) client.Object { return many.Request(n) }, func() client.Object { return &cmapi.CertificateRequest{} }, trimRequest},
		{"secrets", func(n int) client.Object { return many.Secret(n) }, func() client.Object { return &metav1.PartialObjectMetadata{} }, trimSecret},
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
