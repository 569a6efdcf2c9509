// Package manual leaves publishing to a person. Nothing is reported as missing
// by the hook: the propagation check sees the record when it is there, and the
// order goes on by itself.
package manual

import (
	"context"
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Hook does nothing. A person can publish any record anywhere.
type Hook struct{}

var _ dcv.Hook = Hook{}

// Capabilities implements dcv.Hook. Files are not a hook's business here: see
// [FileInstruction].
func (Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true}
}

// Present implements dcv.Hook. It is always done; show [Instruction] to a person.
func (Hook) Present(context.Context, dcv.Request) (dcv.State, error) {
	return dcv.State{Phase: dcv.Done}, nil
}

// CleanUp implements dcv.Hook. What a person has published is his to remove.
func (Hook) CleanUp(context.Context, dcv.Request) error { return nil }

// Instruction tells a person which record to publish, in one line.
func Instruction(r dcv.Record) string {
	if r.Type == dcv.CNAME {
		return fmt.Sprintf("create a CNAME record at %s that points to %s; it may be removed after the certificate is issued", r.FQDN, dcv.CanonicalTarget(r.Value))
	}
	return fmt.Sprintf("add a %s record with the value %q at %s and keep the values that are there; it may be removed after the certificate is issued", r.Type, r.Value, r.FQDN)
}

// FileInstruction tells a person which file to serve, in one line.
func FileInstruction(f dcv.File) string {
	return fmt.Sprintf("serve %s over plain HTTP on port 80 with exactly this content: %q", f.URL(), f.Body)
}
