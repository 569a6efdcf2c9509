package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// maxEntries is how many products or orders a status has room for.
	maxEntries = 500
	// maxShownNames is how many names of an order are told, maxPrices how many terms.
	maxShownNames = 10
	maxPrices     = 16
	// maxID, maxText and maxWord are the lengths that the schema allows.
	maxID, maxText, maxWord = 128, 255, 64
	// turnTimeout bounds the calls of one turn: a dead reseller must not hold up questions to
	// others.
	turnTimeout = time.Minute
)

// question is one query with what is needed to answer it.
type question struct {
	*Reconciler
	spec      *v1alpha1.ResellerQuerySpec
	namespace string
	supplier  *order.Supplier
	limiter   string
}

// call talks to the reseller within the limits. Nobody waits in a worker: a busy account is a
// *busyError.
func (q *question) call(ctx context.Context, do func(context.Context) error) error {
	release, wait := q.Limits.Reserve(q.limiter)
	if release == nil {
		return &busyError{wait: max(wait, 100*time.Millisecond)}
	}
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	err := do(ctx)
	release(err)
	return err
}

// told turns the error of a call into an answer, but for a busy account.
func told(status *v1alpha1.ResellerQueryStatus, err error) (*v1alpha1.ResellerQueryStatus, error) {
	if _, busy := errors.AsType[*busyError](err); busy {
		return nil, err
	}
	if err != nil {
		return failed(err.Error()), nil
	}
	status.State = v1alpha1.QueryAnswered
	return status, nil
}

// lacks is the answer where the reseller's API has no such call.
func (q *question) lacks(what string) (*v1alpha1.ResellerQueryStatus, error) {
	return failed(fmt.Sprintf("the API of %s doesn't tell %s", q.supplier.Provider.Account().Reseller, what)), nil
}

func (q *question) products(ctx context.Context) (*v1alpha1.ResellerQueryStatus, error) {
	cataloguer, ok := q.supplier.Provider.(providers.Cataloguer)
	if !ok {
		return q.lacks("its products: they are in the reseller's page of this project's documentation")
	}
	status := &v1alpha1.ResellerQueryStatus{}
	err := q.call(ctx, func(ctx context.Context) error {
		list, err := cataloguer.Products(ctx)
		for i, product := range list {
			if i == maxEntries {
				break
			}
			status.Products = append(status.Products, productOf(product))
		}
		status.Omitted = int32(len(list) - len(status.Products))
		status.Message = fmt.Sprintf("%d product(s)", len(list))
		return err
	})
	return told(status, err)
}

func productOf(p providers.Product) v1alpha1.QueryProduct {
	product := v1alpha1.QueryProduct{
		ID: cut(p.ID, maxID), Name: cut(p.Name, maxText), Brand: cut(p.Brand, maxID), Validation: cut(p.Validation, maxWord),
		Wildcard: v1alpha1.Unsupported, MaxNames: int32(p.MaxNames),
	}
	if p.Wildcard {
		product.Wildcard = v1alpha1.Supported
	}
	for _, months := range slices.Sorted(maps.Keys(p.Prices)) {
		price := p.Prices[months]
		if amount := ledger.Money(&price); amount != nil && len(product.Prices) < maxPrices {
			product.Prices = append(product.Prices, v1alpha1.QueryProductPrice{Months: int32(months), Price: *amount})
		}
	}
	return product
}

func (q *question) price(ctx context.Context) (*v1alpha1.ResellerQueryStatus, error) {
	pricer, ok := q.supplier.Provider.(providers.Pricer)
	if !ok {
		return q.lacks("prices before an order")
	}
	request, err := q.request()
	if err != nil {
		return failed(err.Error()), nil
	}
	status := &v1alpha1.ResellerQueryStatus{}
	err = q.call(ctx, func(ctx context.Context) error {
		price, err := pricer.Price(ctx, request)
		status.Price = ledger.Money(&price)
		status.Message = fmt.Sprintf("%s for %d name(s) and %d months", price, len(request.Names), request.TermMonths)
		return err
	})
	return told(status, err)
}

func (q *question) balance(ctx context.Context) (*v1alpha1.ResellerQueryStatus, error) {
	status := &v1alpha1.ResellerQueryStatus{}
	err := q.call(ctx, func(ctx context.Context) error {
		info, err := q.supplier.Provider.Check(ctx)
		status.Balance = ledger.Money(info.Balance)
		return err
	})
	switch {
	case err == nil && status.Balance == nil:
		return q.lacks("the balance to this user")
	case err == nil:
		status.Message = "the balance is " + text(status.Balance)
	}
	return told(status, err)
}

func (q *question) orders(ctx context.Context) (*v1alpha1.ResellerQueryStatus, error) {
	lister, ok := q.supplier.Provider.(providers.Lister)
	if !ok {
		return q.lacks("the orders of the account: look into the reseller's panel")
	}
	account := q.supplier.Provider.Account()
	purchases, err := q.Ledger.ByAccount(ctx, v1alpha1.PurchaseAccount{Reseller: account.Reseller, Endpoint: account.Endpoint, Name: account.Name})
	if err != nil {
		return nil, err
	}
	status := &v1alpha1.ResellerQueryStatus{}
	err = q.call(ctx, func(ctx context.Context) error {
		list, err := lister.Orders(ctx)
		unknown := 0
		for i := range list {
			entry := orderOf(&list[i], purchases)
			if entry.Purchase == "" {
				unknown++
			}
			if len(status.Orders) < maxEntries {
				status.Orders = append(status.Orders, entry)
			}
		}
		status.Omitted = int32(len(list) - len(status.Orders))
		status.Message = fmt.Sprintf("%d order(s), %d of them in no ResellerPurchase", len(list), unknown)
		return err
	})
	return told(status, err)
}

func orderOf(o *providers.Order, purchases []v1alpha1.ResellerPurchase) v1alpha1.QueryOrder {
	entry := v1alpha1.QueryOrder{OrderIDs: ledger.OrderIDs(o.IDs), State: string(o.State), Price: ledger.Money(o.Price)}
	for _, name := range o.Names[:min(len(o.Names), maxShownNames)] {
		entry.Names = append(entry.Names, cut(name, maxText))
	}
	if !o.PaidUntil.IsZero() {
		until := metav1.NewTime(o.PaidUntil)
		entry.PaidUntil = &until
	}
	i := slices.IndexFunc(purchases, func(p v1alpha1.ResellerPurchase) bool { return o.IDs.Equal(ledger.IDs(p.Spec.OrderIDs)) })
	if i >= 0 {
		entry.Purchase = purchases[i].Name
	}
	return entry
}

func cut(text string, length int) string { return text[:min(len(text), length)] }

func text(m *v1alpha1.Money) string {
	if m.Currency == "" {
		return m.Amount
	}
	return m.Amount + " " + m.Currency
}
