package manual

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

func TestHookIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	r, err := dcv.NewRecord(dcv.TXT, "example.com", "token")
	require.NoError(t, err)
	req := dcv.Request{Record: r}
	state, err := Hook{}.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Done, state.Phase)
	require.NoError(t, Hook{}.CleanUp(t.Context(), req))
	assert.NoError(t, Hook{}.Capabilities().Check(r, true))
	assert.False(t, Hook{}.Capabilities().File)
}

func TestInstructions(t *testing.T) {
	t.Parallel()
	txt := Instruction(dcv.Record{Type: dcv.TXT, FQDN: "example.com.", Value: `a"b`})
	assert.Contains(t, txt, "TXT record")
	assert.Contains(t, txt, "at example.com.")
	assert.Contains(t, txt, `"a\"b"`)
	assert.Contains(t, txt, "keep the values")

	cname := Instruction(dcv.Record{Type: dcv.CNAME, FQDN: "_a.example.com.", Value: "B.sectigo.com"})
	assert.Contains(t, cname, "CNAME record at _a.example.com.")
	assert.Contains(t, cname, "points to b.sectigo.com.")

	file := FileInstruction(dcv.File{Host: "example.com", Path: "/.well-known/pki-validation/a.txt", Body: "x\ny"})
	assert.Contains(t, file, "http://example.com/.well-known/pki-validation/a.txt")
	assert.Contains(t, file, `"x\ny"`)
}
