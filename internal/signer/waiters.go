package signer

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// waiter is a request that waits for its turn at an order.
type waiter struct {
	kind v1alpha1.RequestKind
	key  types.NamespacedName
}

// waiters remembers who to wake when an order changes. It is lost with the process, like
// the queue that it feeds: both are filled again from the list of all requests.
type waiters struct {
	mu      sync.Mutex
	byOrder map[types.NamespacedName]map[waiter]struct{}
}

func (w *waiters) add(order types.NamespacedName, who waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byOrder == nil {
		w.byOrder = map[types.NamespacedName]map[waiter]struct{}{}
	}
	if w.byOrder[order] == nil {
		w.byOrder[order] = map[waiter]struct{}{}
	}
	w.byOrder[order][who] = struct{}{}
}

// take removes and returns the waiters of one kind. Who still has to wait adds itself again.
func (w *waiters) take(order types.NamespacedName, kind v1alpha1.RequestKind) []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	var woken []types.NamespacedName
	for who := range w.byOrder[order] {
		if who.kind == kind {
			woken = append(woken, who.key)
			delete(w.byOrder[order], who)
		}
	}
	if len(w.byOrder[order]) == 0 {
		delete(w.byOrder, order)
	}
	return woken
}

// requestKey is where the request of an order in the namespace is.
func requestKey(orderNamespace string, r *v1alpha1.OrderRequest) types.NamespacedName {
	if r.Kind == v1alpha1.RequestKindCertificateSigningRequest {
		return types.NamespacedName{Name: r.Name}
	}
	return types.NamespacedName{Namespace: orderNamespace, Name: r.Name}
}
