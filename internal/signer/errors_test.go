package signer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The rows of the error table that Sign sees: permanent before paying where only another
// request helps, pending in all other cases, and never anything else.
func TestAsSignError(t *testing.T) {
	t.Parallel()
	unsuitable := &order.UnsuitableError{Field: "spec.isCA", Message: "no"}
	cases := map[string]struct {
		err       error
		permanent bool
		after     time.Duration
	}{
		"unsuitable":          {err: unsuitable, permanent: true},
		"unsuitable, wrapped": {err: fmt.Errorf("request: %w", unsuitable), permanent: true},
		"order failed":        {err: &failedError{message: "no"}, permanent: true},
		"waits":               {err: waiting("for %s", "you"), after: waitInterval},
		"Kubernetes":          {err: errAPI, after: troubleInterval},
		"configuration":       {err: fmt.Errorf("%w: Secret is missing", order.ErrConfiguration), after: troubleInterval},
		"provider":            {err: &providers.Error{Kind: providers.Invalid}, after: troubleInterval},
		"foreign permanent":   {err: errors.New("signer.PermanentError"), after: troubleInterval},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := asSignError(tc.err)
			require.ErrorIs(t, err, tc.err)
			var permanent signer.PermanentError
			var pending signer.PendingError
			var issuerError signer.IssuerError
			var condition signer.SetCertificateRequestConditionError
			assert.Equal(t, tc.permanent, errors.As(err, &permanent))
			assert.Equal(t, !tc.permanent, errors.As(err, &pending))
			assert.Equal(t, tc.after, pending.RequeueAfter)
			require.NotErrorAs(t, err, &issuerError)
			require.NotErrorAs(t, err, &condition)
		})
	}
	require.NoError(t, asSignError(nil))
	assert.GreaterOrEqual(t, waitInterval, 5*time.Minute)
}
