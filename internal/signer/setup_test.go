package signer

import (
	"context"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func options() Options {
	return Options{
		Suppliers: &order.Suppliers{}, Limits: providers.NewLimiters(providers.LimiterOptions{}),
		CheckSolver: func(context.Context, v1alpha1.Solver, string) error { return nil },
		Recorder:    events.NewFakeRecorder(1), Clock: clock.RealClock{},
		Concurrency: 3, RecheckInterval: time.Minute, WatchSecrets: true,
	}
}

func TestSetupRefusesIncompleteOptions(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*Options){
		"no suppliers":   func(o *Options) { o.Suppliers = nil },
		"no limits":      func(o *Options) { o.Limits = nil },
		"no recorder":    func(o *Options) { o.Recorder = nil },
		"no clock":       func(o *Options) { o.Clock = nil },
		"no concurrency": func(o *Options) { o.Concurrency = 0 },
		"no interval":    func(o *Options) { o.RecheckInterval = 0 },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			change(&o)
			require.ErrorContains(t, Setup(t.Context(), nil, o), "signer: set up: ")
		})
	}
}

// Each of issuer-lib's controllers is known to us; a new one must not run unconfigured.
func TestConfigureKnowsAllControllers(t *testing.T) {
	t.Parallel()
	configure := (&Signer{Suppliers: &order.Suppliers{}}).configure(options())
	for _, kind := range []string{"ResellerIssuer", "ResellerClusterIssuer", cmapi.CertificateRequestKind, "CertificateSigningRequest"} {
		build := ctrl.NewControllerManagedBy(nil)
		require.NoError(t, configure(t.Context(), schema.GroupVersionKind{Kind: kind}, nil, build), kind)
	}
	require.Error(t, configure(t.Context(), schema.GroupVersionKind{Kind: "Challenge"}, nil, ctrl.NewControllerManagedBy(nil)))
}

type fakeIndexer map[string][]string

func (f fakeIndexer) IndexField(_ context.Context, object client.Object, field string, _ client.IndexerFunc) error {
	switch object.(type) {
	case *v1alpha1.ResellerIssuer:
		f[field] = append(f[field], "issuer")
	case *v1alpha1.ResellerClusterIssuer:
		f[field] = append(f[field], "cluster issuer")
	case *v1alpha1.ResellerOrder:
		f[field] = append(f[field], "order")
	default:
		return errAPI
	}
	return nil
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	indexer := fakeIndexer{}
	require.NoError(t, (&Signer{}).addIndexes(t.Context(), indexer))
	assert.Equal(t, fakeIndexer{indexSecrets: {"issuer", "cluster issuer"}, indexShortOfFunds: {"order"}}, indexer)
}
