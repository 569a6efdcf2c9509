package controlplane_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

const (
	// patience covers the garbage collector's and cert-manager's back-offs on a
	// busy machine.
	patience = time.Minute
	period   = 100 * time.Millisecond
)

// running is the control plane that TestMain has to stop.
var running *controlplane.ControlPlane

// shared starts the control plane with everything for the first test that needs it.
var shared = sync.OnceValues(func() (*controlplane.ControlPlane, error) {
	var err error
	running, err = controlplane.Start(context.Background(), controlplane.Options{
		CertManager: true,
		GatewayAPI:  true,
		BackoffMin:  time.Second,
		BackoffMax:  2 * time.Second,
		Log:         os.Stderr,
	})
	return running, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		if err := running.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func sharedPlane(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	plane, err := shared()
	require.NoError(t, err)
	return plane
}

// newClient returns a client with the administrator's rights.
func newClient(t *testing.T, plane *controlplane.ControlPlane) client.Client {
	t.Helper()
	types := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(types))
	utilruntime.Must(cmapi.AddToScheme(types))
	c, err := client.New(plane.RESTConfig(), client.Options{Scheme: types})
	require.NoError(t, err)
	return c
}

// newNamespace makes a namespace named after the test.
func newNamespace(t *testing.T, plane *controlplane.ControlPlane) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	apply(t, plane, fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: %s}}`, name))
	return name
}

// apply applies one YAML document.
func apply(t *testing.T, plane *controlplane.ControlPlane, text string) {
	t.Helper()
	require.NoError(t, plane.ApplyObjects(t.Context(), object(t, text)))
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &o.Object))
	return o
}

// eventually repeats check until none of its assertions fails.
func eventually(t *testing.T, check func(c *assert.CollectT)) {
	t.Helper()
	require.EventuallyWithT(t, check, patience, period)
}
