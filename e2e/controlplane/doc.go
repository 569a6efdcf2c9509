// Package controlplane runs a real Kubernetes API server, with etcd, the garbage
// collector and the real cert-manager, as plain processes on loopback addresses:
// no containers, no nodes, no root. Tests, benchmarks and the demo share it.
//
//	plane, err := controlplane.Start(ctx, controlplane.Options{
//		CertManager: true,
//		Manifests:   []string{"../config/crd"},
//		Log:         os.Stderr,
//	})
//	...
//	defer plane.Stop()
//	err = plane.WriteKubeconfig("admin.kubeconfig")
//
// The two helper executables are built on first use (minutes) and kept in
// e2e/.cache; see [Build].
package controlplane
