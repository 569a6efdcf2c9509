package signer

import (
	"context"
	"encoding/json"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewClient makes the manager's client. It differs from client.New in one call: issuer-lib
// applies an empty status to a CertificateSigningRequest that waits. That changes nothing,
// but Kubernetes keeps no managed fields of these objects before the first application, so
// that the next one, with condition Failed, would take condition Approved away; this is
// forbidden, and the request would never be marked as failed.
func NewClient(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("signer: client: %w", err)
	}
	return requestClient{c}, nil
}

type requestClient struct{ client.Client }

// Status implements client.Client.
func (c requestClient) Status() client.SubResourceWriter {
	return statusWriter{c.Client.Status()}
}

type statusWriter struct{ client.SubResourceWriter }

// Patch implements client.SubResourceWriter.
func (w statusWriter) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	if _, ok := object.(*certificatesv1.CertificateSigningRequest); ok && patch.Type() == types.ApplyPatchType {
		empty, err := hasNoStatus(object, patch)
		if empty || err != nil {
			return err
		}
	}
	return w.SubResourceWriter.Patch(ctx, object, patch, options...)
}

func hasNoStatus(object client.Object, patch client.Patch) (bool, error) {
	data, err := patch.Data(object)
	if err != nil {
		return false, fmt.Errorf("signer: status: %w", err)
	}
	var content struct {
		Status map[string]any `json:"status"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return false, fmt.Errorf("signer: status: %w", err)
	}
	return len(content.Status) == 0, nil
}
