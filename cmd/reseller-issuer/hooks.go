package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/cloudflare"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httphook"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/manual"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// probeTimeout bounds one look at a hook while an issuer is checked.
const probeTimeout = 5 * time.Second

// solvers makes hooks.
type solvers struct {
	// secrets reads past the cache.
	secrets client.Reader
	now     func() time.Time
	// http is for services that all issuers share, options those of clients that trust
	// further authorities, and allowed the programs that issuers may name.
	http    *http.Client
	options providers.Options
	allowed endpoints
	// cluster makes the hooks that work through the Kubernetes API.
	cluster clusterHooks
}

var (
	errNoSolver   = errors.New("no solver is set")
	errByReseller = errors.New("reseller: the reseller publishes, there is no hook")
)

// hook makes the hook of a solver, whose Secrets are in the namespace. Errors that only a
// change of issuer or Secret can mend are order.ErrConfiguration.
func (s solvers) hook(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) (dcv.Hook, error) {
	switch {
	case solver.RFC2136 != nil:
		return s.rfc2136(ctx, solver.RFC2136, secretNamespace)
	case solver.Cloudflare != nil:
		return s.cloudflare(ctx, solver.Cloudflare, secretNamespace)
	case solver.HTTP != nil:
		return s.program(ctx, solver.HTTP, secretNamespace)
	case solver.Manual != nil:
		return manual.Hook{}, nil
	case solver.Reseller != nil:
		return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, errByReseller)
	}
	if hook, ok, err := s.cluster.hook(solver, secretNamespace); ok {
		return hook, err
	}
	return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, errNoSolver)
}

// check reports why a solver can't work. Who doesn't answer now may work later: only a
// refusal is held against the issuer.
func (s solvers) check(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) error {
	if solver.Reseller != nil {
		return nil
	}
	hook, err := s.hook(ctx, solver, secretNamespace)
	if err != nil {
		return err
	}
	prober, ok := hook.(dcv.Prober)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err = prober.Probe(ctx)
	if errors.Is(err, dcv.ErrDenied) || errors.Is(err, dcv.ErrUnsupported) {
		return fmt.Errorf("%w: %w", order.ErrConfiguration, err)
	}
	return nil
}

func (s solvers) rfc2136(ctx context.Context, settings *v1alpha1.SolverRFC2136, secretNamespace string) (dcv.Hook, error) {
	config := rfc2136.Config{
		Nameserver: settings.Nameserver, Zone: settings.Zone, Transport: rfc2136.Transport(settings.Protocol),
		TSIGKeyName: settings.TSIGKeyName, TTL: time.Duration(settings.TTL) * time.Second, Now: s.now,
	}
	if ref := settings.TSIGSecretSecretRef; ref != nil {
		secret, err := s.secret(ctx, secretNamespace, ref)
		if err != nil {
			return nil, fmt.Errorf("rfc2136.tsigSecretSecretRef: %w", err)
		}
		config.TSIGSecret, config.TSIGAlgorithm = dcv.NewSecret(secret), string(settings.TSIGAlgorithm)
	}
	hook, err := rfc2136.New(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, err)
	}
	return hook, nil
}

func (s solvers) cloudflare(ctx context.Context, settings *v1alpha1.SolverCloudflare, secretNamespace string) (dcv.Hook, error) {
	token, err := s.secret(ctx, secretNamespace, &settings.APITokenSecretRef)
	if err != nil {
		return nil, fmt.Errorf("cloudflare.apiTokenSecretRef: %w", err)
	}
	hook, err := cloudflare.New(cloudflare.Config{Token: dcv.NewSecret(token), Zone: settings.Zone, Client: s.http, Now: s.now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, err)
	}
	return hook, nil
}

func (s solvers) program(ctx context.Context, settings *v1alpha1.SolverHTTP, secretNamespace string) (dcv.Hook, error) {
	if err := s.allowed.permit(settings.URL); err != nil {
		return nil, fmt.Errorf("http.url: %w: %w", order.ErrConfiguration, err)
	}
	token, err := s.secret(ctx, secretNamespace, &settings.AuthSecretRef)
	if err != nil {
		return nil, fmt.Errorf("http.authSecretRef: %w", err)
	}
	client, err := s.trusting(settings.CABundle)
	if err != nil {
		return nil, fmt.Errorf("http.caBundle: %w: %w", order.ErrConfiguration, err)
	}
	hook, err := httphook.New(httphook.Config{URL: settings.URL, Token: dcv.NewSecret(token), Client: client, Now: s.now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, err)
	}
	return hook, nil
}

// trusting is a client that trusts further authorities. It lives as long as its hook, and
// its connections half a minute longer.
func (s solvers) trusting(bundle []byte) (*http.Client, error) {
	if len(bundle) == 0 {
		return s.http, nil
	}
	pool, err := providers.CertPool(bundle)
	if err != nil {
		return nil, err
	}
	options := s.options
	options.RootCAs = pool
	return providers.NewHTTPClient(options), nil
}

func (s solvers) secret(ctx context.Context, namespace string, ref *v1alpha1.SecretKeyReference) (string, error) {
	key := types.NamespacedName{Namespace: namespace, Name: ref.Name}
	secret := &corev1.Secret{}
	if err := s.secrets.Get(ctx, key, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return "", fmt.Errorf("%w: Secret %s does not exist: create it", order.ErrConfiguration, key)
		}
		return "", fmt.Errorf("read Secret %s: %w", key, err)
	}
	value := trimmed(secret.Data[ref.Key])
	if value == "" {
		return "", fmt.Errorf("%w: Secret %s has no value for key %q", order.ErrConfiguration, key, ref.Key)
	}
	return value, nil
}

func trimmed(value []byte) string { return strings.TrimSpace(string(value)) }
