package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/manual"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// solvers makes hooks.
type solvers struct {
	// secrets reads past the cache.
	secrets client.Reader
	now     func() time.Time
}

var errNoSolver = errors.New("no solver is set")

// hook makes the hook of a solver, whose Secrets are in the namespace. Errors that only a
// change of issuer or Secret can mend are order.ErrConfiguration.
func (s solvers) hook(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) (dcv.Hook, error) {
	switch {
	case solver.RFC2136 != nil:
		return s.rfc2136(ctx, solver.RFC2136, secretNamespace)
	case solver.Manual != nil:
		return manual.Hook{}, nil
	}
	return nil, fmt.Errorf("%w: %w", order.ErrConfiguration, errNoSolver)
}

// check reports why a solver can't work, as far as it can be told without a call.
func (s solvers) check(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) error {
	_, err := s.hook(ctx, solver, secretNamespace)
	return err
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
