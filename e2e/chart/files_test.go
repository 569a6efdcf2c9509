package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
)

// Validation files are served where the flag says, by a Service of which the controller
// knows the name, and its routes may be made in its own namespace only.
func TestFileService(t *testing.T) {
	t.Parallel()
	for values, port := range map[string]int32{
		"{fullnameOverride: buyer}": 8089,
		"{fullnameOverride: buyer, config: {httpFileBindAddress: \"0.0.0.0:8090\", leaderElectionNamespace: leases}}": 8090,
		"{fullnameOverride: buyer, config: {httpFileBindAddress: \"0\"}}":                                             0,
	} {
		objects := rendered(t, values)
		var routes []string
		for _, object := range objects {
			if strings.HasSuffix(object.GetName(), "-file-routes") {
				routes = append(routes, object.GetKind()+" in "+object.GetNamespace())
			}
		}
		services := typed[corev1.Service](t, objects, "Service")
		known := slices.Contains(arguments(t, objects), "--http-file-service=buyer-files:80")
		made := slices.ContainsFunc(services, func(s corev1.Service) bool { return s.Name == "buyer-files" && s.Spec.Ports[0].Port == 80 })
		assert.Equal(t, port != 0, known, values)
		assert.Equal(t, port != 0, made, values)
		assert.Equal(t, port, containerPort(t, objects, "files"), values)
		if port == 0 {
			assert.Empty(t, routes, values)
			continue
		}
		assert.Equal(t, []string{"Role in " + name, "RoleBinding in " + name}, routes, values)
	}
}
