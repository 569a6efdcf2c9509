package controlplane

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// The DNS01 webhook of the certmanager helper. Its service account is called like its
// namespace; it may read Secrets only where a RoleBinding lets it.
const (
	DNS01Webhook = "dns01-webhook"
	SolverGroup  = "acme.example.test"
	SolverName   = "updates"
)

// solverManifests is what the Helm charts of DNS01 webhooks have, but for the ExternalName:
// there are no pods, and Endpoints can't hold a loopback address.
const solverManifests = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: dns01-webhook:auth-delegator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{kind: ServiceAccount, name: dns01-webhook, namespace: dns01-webhook}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "dns01-webhook:authentication-reader", namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{kind: ServiceAccount, name: dns01-webhook, namespace: dns01-webhook}]
---
apiVersion: v1
kind: Service
metadata: {name: dns01-webhook, namespace: dns01-webhook}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %[1]d}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.%[2]s}
spec:
  group: %[2]s
  version: v1alpha1
  groupPriorityMinimum: 1000
  versionPriority: 15
  caBundle: %[3]s
  service: {name: dns01-webhook, namespace: dns01-webhook, port: %[1]d}
`

// startSolver starts the DNS01 webhook and returns when the API server has found it: an
// aggregated API that is half there makes discovery fail for everybody.
func (c *ControlPlane) startSolver(ctx context.Context) error {
	if !c.options.DNS01Webhook {
		return nil
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	kubeconfig, err := c.ServiceAccountConfig(ctx, DNS01Webhook, DNS01Webhook)
	if err != nil {
		return err
	}
	if err := c.pki.serve(DNS01Webhook, DNS01Webhook+"."+DNS01Webhook+".svc"); err != nil {
		return err
	}
	manifests := fmt.Sprintf(solverManifests, port, SolverGroup, base64.StdEncoding.EncodeToString(c.pki.bundle()))
	objects, err := Decode([]byte(manifests))
	if err != nil {
		return err
	}
	if err := c.ApplyObjects(ctx, objects...); err != nil {
		return err
	}
	spec := c.certManagerProgram(DNS01Webhook,
		"--bind-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(port),
		"--tls-cert-file="+c.pki.certPath(DNS01Webhook),
		"--tls-private-key-file="+c.pki.keyPath(DNS01Webhook),
		"--kubeconfig="+kubeconfig,
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
	)
	spec.Ready = func(ctx context.Context) error {
		_, err := c.kube.Discovery().ServerResourcesForGroupVersion(SolverGroup + "/v1alpha1")
		if err != nil {
			return fmt.Errorf("discovery: %w", err)
		}
		return ctx.Err()
	}
	return c.run(ctx, spec)
}
