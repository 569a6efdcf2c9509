package order

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The kinds of issuers.
const (
	KindIssuer        = "ResellerIssuer"
	KindClusterIssuer = "ResellerClusterIssuer"
)

// Driver makes the provider of one kind of reseller.
type Driver struct {
	// Access returns the reseller's section of the union, nil if it isn't set.
	Access func(*v1alpha1.Reseller) *v1alpha1.ResellerAccess
	// New makes the provider from the issuer and the data of its Secret. An error
	// names the field or key that is wrong and what to do, and no value.
	New func(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error)
}

// ErrConfiguration marks trouble that only a change of the issuer or its Secrets can
// mend. The message names the field.
var ErrConfiguration = errors.New("configuration")

// Supplier is an issuer that is ready to be used.
type Supplier struct {
	Ref        v1alpha1.IssuerReference
	UID        types.UID
	Generation int64
	// Spec is the part that both kinds of issuers share.
	Spec v1alpha1.ResellerIssuerSpec
	// Allowed limits a cluster issuer, nil for a namespaced one.
	Allowed *Allowed
	// SecretNamespace is where the issuer's Secrets are.
	SecretNamespace string
	Provider        providers.Provider
}

// Allowed is what a cluster issuer may be used for.
type Allowed struct {
	Namespaces []string
	Names      []string
}

// Suppliers turns issuers into suppliers. It keeps providers, which hold login
// tokens, as long as the issuer and its Secret stay the same.
type Suppliers struct {
	// Client reads issuers from the cache, Secrets reads Secrets past it.
	Client  client.Reader
	Secrets client.Reader
	// Drivers by name of the reseller.
	Drivers map[string]Driver
	// ClusterResourceNamespace has the Secrets of cluster issuers.
	ClusterResourceNamespace string

	mu    sync.Mutex
	known map[types.UID]knownProvider
}

type knownProvider struct {
	generation int64
	secret     types.UID
	version    string
	provider   providers.Provider
}

// Accounts are those of the issuers that this process has used, by the issuer's UID.
func (s *Suppliers) Accounts() map[types.UID]providers.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	accounts := make(map[types.UID]providers.Account, len(s.known))
	for uid, known := range s.known {
		accounts[uid] = known.provider.Account()
	}
	return accounts
}

// Get resolves a reference with the cache.
func (s *Suppliers) Get(ctx context.Context, ref v1alpha1.IssuerReference) (*Supplier, error) {
	return s.get(ctx, s.Client, ref)
}

// GetUncached resolves a reference past the cache, as must be done before money is
// spent.
func (s *Suppliers) GetUncached(ctx context.Context, ref v1alpha1.IssuerReference) (*Supplier, error) {
	return s.get(ctx, s.Secrets, ref)
}

func (s *Suppliers) get(ctx context.Context, reader client.Reader, ref v1alpha1.IssuerReference) (*Supplier, error) {
	var object client.Object = &v1alpha1.ResellerIssuer{}
	if ref.Kind == KindClusterIssuer {
		object = &v1alpha1.ResellerClusterIssuer{}
	}
	if err := reader.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, object); err != nil {
		return nil, fmt.Errorf("issuer %s/%s: %w", ref.Kind, ref.Name, err)
	}
	return s.Supplier(ctx, object)
}

// Supplier makes the supplier of an issuer object.
func (s *Suppliers) Supplier(ctx context.Context, issuer client.Object) (*Supplier, error) {
	supplier := s.describe(issuer)
	name, driver, access, err := s.driver(&supplier.Spec.Reseller)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: supplier.SecretNamespace, Name: access.CredentialsSecretRef.Name}
	if err := s.Secrets.Get(ctx, key, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("%w: spec.reseller.%s.credentialsSecretRef.name: Secret %s does not exist: create it", ErrConfiguration, name, key)
		}
		return nil, fmt.Errorf("read Secret %s: %w", key, err)
	}
	supplier.Provider, err = s.provider(supplier, driver, secret)
	if err != nil {
		return nil, fmt.Errorf("%w: spec.reseller.%s (Secret %s): %w", ErrConfiguration, name, key, err)
	}
	return supplier, nil
}

func (s *Suppliers) describe(issuer client.Object) *Supplier {
	supplier := &Supplier{UID: issuer.GetUID(), Generation: issuer.GetGeneration()}
	switch issuer := issuer.(type) {
	case *v1alpha1.ResellerClusterIssuer:
		supplier.Ref = v1alpha1.IssuerReference{Kind: KindClusterIssuer, Name: issuer.Name}
		supplier.Spec = issuer.Spec.ResellerIssuerSpec
		supplier.Allowed = &Allowed{Namespaces: issuer.Spec.AllowedNamespaces, Names: issuer.Spec.AllowedNames}
		supplier.SecretNamespace = s.ClusterResourceNamespace
	case *v1alpha1.ResellerIssuer:
		supplier.Ref = v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: issuer.Namespace, Name: issuer.Name}
		supplier.Spec = issuer.Spec
		supplier.SecretNamespace = issuer.Namespace
	}
	return supplier
}

func (s *Suppliers) driver(reseller *v1alpha1.Reseller) (string, Driver, *v1alpha1.ResellerAccess, error) {
	for name, driver := range s.Drivers {
		if access := driver.Access(reseller); access != nil {
			return name, driver, access, nil
		}
	}
	return "", Driver{}, nil, fmt.Errorf("%w: spec.reseller: this build has no driver for the reseller that is set", ErrConfiguration)
}

func (s *Suppliers) provider(supplier *Supplier, driver Driver, secret *corev1.Secret) (providers.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[supplier.UID]
	if ok && supplier.UID != "" && known.generation == supplier.Generation && known.secret == secret.UID && known.version == secret.ResourceVersion {
		return known.provider, nil
	}
	provider, err := driver.New(&supplier.Spec, secret.Data)
	if err != nil {
		return nil, err
	}
	if supplier.UID == "" {
		// An issuer that isn't applied: nobody asks for it again.
		return provider, nil
	}
	if s.known == nil {
		s.known = map[types.UID]knownProvider{}
	}
	s.known[supplier.UID] = knownProvider{
		generation: supplier.Generation, secret: secret.UID, version: secret.ResourceVersion, provider: provider,
	}
	return provider, nil
}
