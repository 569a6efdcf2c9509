// Package lab is everything that a user of reseller-issuer has, on loopback
// addresses: a Kubernetes API server with cert-manager, a name server with
// dynamic zones, the sandbox reseller, and the controller, which runs as its own
// service account with exactly the permissions that the Helm chart gives it. The demo
// and the end-to-end suites share it.
//
//	l, err := lab.Start(ctx, lab.Options{Zones: []string{"example.com"}, Log: os.Stderr})
//	...
//	defer l.Stop()
//	err = l.StartController(ctx)
//
// The controller and the sandbox are taken from bin/ (`make build`), and the
// control plane's executables are built on first use.
package lab
