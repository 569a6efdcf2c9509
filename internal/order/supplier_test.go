package order

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestSuppliersKeepProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := 0
	driver := w.r.Suppliers.Drivers["cyberssl"]
	driver.New = func(_ *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
		made++
		if string(credentials["apikey"]) == "bad" {
			return nil, errors.New("key apikey: too short")
		}
		return w.provider, nil
	}
	w.r.Suppliers.Drivers["cyberssl"] = driver
	ref := v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: "shop"}
	ctx := t.Context()

	for range 3 {
		supplier, err := w.r.Suppliers.Get(ctx, ref)
		require.NoError(t, err)
		assert.Equal(t, ref, supplier.Ref)
		assert.Equal(t, "team", supplier.SecretNamespace)
		assert.Nil(t, supplier.Allowed)
	}
	_, err := w.r.Suppliers.GetUncached(ctx, ref)
	require.NoError(t, err)
	assert.Equal(t, 1, made, "login tokens are kept")

	secret := &corev1.Secret{}
	require.NoError(t, w.client.Get(ctx, client.ObjectKey{Namespace: "team", Name: "credentials"}, secret))
	secret.Data = map[string][]byte{"apikey": []byte("bad")}
	require.NoError(t, w.client.Update(ctx, secret))
	_, err = w.r.Suppliers.Get(ctx, ref)
	require.ErrorIs(t, err, ErrConfiguration)
	require.ErrorContains(t, err, "Secret team/credentials")
	assert.Equal(t, 2, made, "a changed Secret is read")

	require.NoError(t, w.client.Delete(ctx, secret))
	_, err = w.r.Suppliers.Get(ctx, ref)
	require.ErrorIs(t, err, ErrConfiguration)
	require.ErrorContains(t, err, "create it")

	w.r.Suppliers.Drivers = nil
	_, err = w.r.Suppliers.Get(ctx, ref)
	require.ErrorIs(t, err, ErrConfiguration)

	ref.Name = "gone"
	_, err = w.r.Suppliers.Get(ctx, ref)
	assert.True(t, apierrors.IsNotFound(err))
}

// A Secret that is missing holds nothing up for ever.
func TestMissingSecretWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := &corev1.Secret{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "credentials"}, secret))
	require.NoError(t, w.client.Delete(t.Context(), secret))
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonIssuerNotReady)
	assert.Contains(t, w.order().Status.Message, "create it")
	secret.ResourceVersion = ""
	w.create(secret)
	w.untilState(v1alpha1.OrderIssued)
}
