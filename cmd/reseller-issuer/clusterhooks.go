package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/dns01webhook"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/externaldns"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/fileroute"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// The solvers that work with what belongs to the cluster and not to the issuer's
// namespace, as --allow-solver and issuers call them.
const (
	kindExternalDNS = "externalDNS"
	kindWebhook     = "certManagerWebhook"
	kindHTTPFile    = "httpFile"

	// everyNamespace in --allow-solver stands for all.
	everyNamespace = "*"
)

var clusterKinds = []string{kindExternalDNS, kindWebhook, kindHTTPFile}

// clusterHooks makes hooks that work through the Kubernetes API.
type clusterHooks struct {
	// api reads unstructured objects past the cache.
	api      client.Client
	webhooks rest.Interface
	zones    kubehooks.Zones
	backend  fileroute.Backend
	// adminNamespace has the Secrets of cluster issuers. Who writes issuers or Secrets
	// there is an administrator.
	adminNamespace string
	// allowed are the values of --allow-solver.
	allowed []string
	// serves is false where the flags switch off the server of validation files.
	serves bool
}

// newClusterHooks takes the connection of the manager.
func newClusterHooks(mgr ctrl.Manager, c config, zones kubehooks.Zones) (clusterHooks, error) {
	settings := rest.CopyConfig(mgr.GetConfig())
	settings.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	webhooks, err := rest.UnversionedRESTClientForConfigAndClient(settings, mgr.GetHTTPClient())
	if err != nil {
		return clusterHooks{}, fmt.Errorf("client of DNS01 webhooks: %w", err)
	}
	backend, err := parseBackend(c.fileService)
	if err != nil {
		return clusterHooks{}, err
	}
	backend.Namespace = c.namespace
	return clusterHooks{
		api: mgr.GetClient(), webhooks: webhooks, zones: zones, backend: backend,
		adminNamespace: c.clusterResourceNamespace, allowed: c.allowedSolvers,
		serves: c.fileAddress != noAddress,
	}, nil
}

// hook makes the hook of a solver of these kinds; ok is false for others.
func (h clusterHooks) hook(solver v1alpha1.Solver, namespace string) (hook dcv.Hook, ok bool, err error) {
	var kind string
	switch {
	case solver.ExternalDNS != nil:
		kind = kindExternalDNS
		hook, err = h.externalDNS(solver.ExternalDNS, namespace)
	case solver.CertManagerWebhook != nil:
		kind = kindWebhook
		hook, err = h.webhook(solver.CertManagerWebhook, namespace)
	case solver.HTTPFile != nil:
		kind = kindHTTPFile
		hook = fileroute.New(h.fileRoute(solver.HTTPFile), h.api)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, fmt.Errorf("%w: %s: %w", order.ErrConfiguration, kind, err)
	}
	if err := h.permit(namespace, kind); err != nil {
		hook = forbidden{Hook: hook, err: err}
	}
	return hook, true, nil
}

// permit returns nil if the issuers of a namespace may use a kind of solver.
func (h clusterHooks) permit(namespace, kind string) error {
	if kind == kindHTTPFile && !h.serves {
		return fmt.Errorf("%w: %s: the controller was started with --http-file-bind-address=0", dcv.ErrDenied, kind)
	}
	if namespace == h.adminNamespace || slices.Contains(h.allowed, namespace+"/"+kind) || slices.Contains(h.allowed, everyNamespace+"/"+kind) {
		return nil
	}
	return fmt.Errorf("%w: %s: issuers in namespace %s may not use it: start the controller with --allow-solver=%s/%s, or use a ResellerClusterIssuer",
		dcv.ErrDenied, kind, namespace, namespace, kind)
}

// forbidden is a hook that its issuer may not use. It still cleans up, because it may have been
// permitted once.
type forbidden struct {
	dcv.Hook
	err error
}

// Present implements dcv.Hook.
func (f forbidden) Present(context.Context, dcv.Request) (dcv.State, error) {
	return dcv.State{}, f.err
}

// Probe implements dcv.Prober.
func (f forbidden) Probe(context.Context) error { return f.err }

func (h clusterHooks) externalDNS(s *v1alpha1.SolverExternalDNS, namespace string) (dcv.Hook, error) {
	if s.Namespace != "" {
		namespace = s.Namespace
	}
	return externaldns.New(externaldns.Config{
		Namespace: namespace, Labels: s.Labels, Annotations: s.Annotations,
		TTL: time.Duration(s.RecordTTL) * time.Second, QuoteTXT: s.TXTFormat == v1alpha1.TXTQuoted,
	}, h.api, h.zones)
}

func (h clusterHooks) webhook(s *v1alpha1.SolverCertManagerWebhook, namespace string) (dcv.Hook, error) {
	c := dns01webhook.Config{
		GroupName: s.GroupName, SolverName: s.SolverName, SecretNamespace: namespace,
		AmbientCredentials: namespace == h.adminNamespace,
	}
	if s.Config != nil {
		c.Settings = s.Config.Raw
	}
	return dns01webhook.New(c, h.api, h.webhooks, h.zones)
}

func (h clusterHooks) fileRoute(s *v1alpha1.SolverHTTPFile) fileroute.Config {
	c := fileroute.Config{Backend: h.backend}
	if s.Ingress != nil {
		c.IngressClass = s.Ingress.IngressClassName
	}
	if s.GatewayHTTPRoute != nil {
		for _, parent := range s.GatewayHTTPRoute.ParentRefs {
			c.Parents = append(c.Parents, fileroute.Parent{Name: parent.Name, Namespace: parent.Namespace, SectionName: parent.SectionName})
		}
	}
	return c
}

// checkAllowedSolvers finds what is wrong with values of --allow-solver.
func checkAllowedSolvers(list []string) error {
	for _, value := range list {
		namespace, kind, ok := strings.Cut(value, "/")
		if !ok || !slices.Contains(clusterKinds, kind) || namespace != everyNamespace && len(validation.IsDNS1123Label(namespace)) > 0 {
			return fmt.Errorf("--allow-solver: %q: want NAMESPACE/KIND, where KIND is %s", value, strings.Join(clusterKinds, ", "))
		}
	}
	return nil
}
