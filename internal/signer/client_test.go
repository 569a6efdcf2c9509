package signer

import (
	"context"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// countingWriter counts what gets through.
type countingWriter struct {
	client.SubResourceWriter
	patches int
}

func (w *countingWriter) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	w.patches++
	return nil
}

func TestEmptyStatusIsNotApplied(t *testing.T) {
	t.Parallel()
	csr, request := &certificatesv1.CertificateSigningRequest{}, &cmapi.CertificateRequest{}
	tests := []struct {
		name   string
		object client.Object
		kind   types.PatchType
		text   string
		wanted int
	}{
		{"empty", csr, types.ApplyPatchType, `{"metadata":{"name":"x"},"status":{}}`, 0},
		{"absent", csr, types.ApplyPatchType, `{"metadata":{"name":"x"}}`, 0},
		{"condition", csr, types.ApplyPatchType, `{"status":{"conditions":[{"type":"Failed"}]}}`, 1},
		{"certificate", csr, types.ApplyPatchType, `{"status":{"certificate":"eA=="}}`, 1},
		{"merge patch", csr, types.MergePatchType, `{"status":{}}`, 1},
		{"another kind", request, types.ApplyPatchType, `{"status":{}}`, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inner := &countingWriter{}
			require.NoError(t, statusWriter{inner}.Patch(t.Context(), test.object, client.RawPatch(test.kind, []byte(test.text))))
			assert.Equal(t, test.wanted, inner.patches)
		})
	}
	require.Error(t, statusWriter{&countingWriter{}}.Patch(t.Context(), csr, client.RawPatch(types.ApplyPatchType, []byte("no JSON"))))
}
