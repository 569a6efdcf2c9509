package lab

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

// Sibling starts a second cluster that uses the same name server and the same account at the
// sandbox, as one does that a backup is restored into. It has cert-manager's kinds but not
// its controllers. Stop it before the lab.
func (l *Lab) Sibling(ctx context.Context, log io.Writer) (*Lab, error) {
	sibling := &Lab{root: l.root, dns: l.dns, sandbox: l.sandbox, sibling: true}
	var err error
	if sibling.plane, err = controlplane.Start(ctx, controlplane.Options{
		CertManagerCRDs: true, Manifests: []string{l.config("crd", "bases")}, Log: log,
	}); err != nil {
		return nil, fmt.Errorf("lab: sibling: %w", err)
	}
	if err := sibling.prepareCluster(ctx, Options{}); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: sibling: %w", err), sibling.Stop())
	}
	return sibling, nil
}
