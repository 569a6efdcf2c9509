package order

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// webView is what the world gets over HTTP.
type webView struct {
	mu       sync.Mutex
	err      error
	fetched  []string
	canaries []string
}

func (v *webView) Fetch(_ context.Context, file dcv.File) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fetched = append(v.fetched, file.URL())
	return v.err
}

func (v *webView) Canary(_ context.Context, host string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.canaries = append(v.canaries, host)
	return v.err
}

var errHairpin = errors.New("connection refused")

const (
	fileURL    = "http://example.com/.well-known/pki-validation/A1.txt"
	wwwFileURL = "http://www.example.com/.well-known/pki-validation/A1.txt"
)

// withFiles is an issuer whose names are validated by files.
func withFiles(solver v1alpha1.SolverHTTPFile) option {
	return func(w *world) {
		w.issuer.Spec.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile}
		w.issuer.Spec.DCV.Solvers = []v1alpha1.Solver{{HTTPFile: &solver}}
		w.reseller.challenges = func([]byte) []providers.Challenge {
			return []providers.Challenge{{
				Domain: "example.com", Method: providers.MethodFile, Body: "the\ntoken",
				URLs: []string{fileURL, "https://example.com/.well-known/pki-validation/A1.txt"},
			}}
		}
	}
}

func (w *world) served(url string) (string, bool) {
	w.t.Helper()
	file, err := dcv.NewFile(url, "any")
	require.NoError(w.t, err)
	body, ok, err := PublishedFiles{Client: w.client}.Find(w.t.Context(), file.Host, file.Path)
	require.NoError(w.t, err)
	return body, ok
}

func TestFileIsServedUntilIssued(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
	w.web.err = errHairpin
	w.ask("web-1", keyA, "example.com")
	w.run(30 * time.Second)
	assert.Equal(t, ReasonAwaitingPropagation, w.waitsFor())
	assert.Contains(t, w.order().Status.Message, "does not get it from there")
	records := w.order().Status.Records
	require.Len(t, records, 1, "http and https are one file")
	assert.Equal(t, fileURL, records[0].Name)
	assert.Equal(t, v1alpha1.DCVMethodFile, records[0].Type)
	assert.Equal(t, "the\ntoken", records[0].Value)
	assert.Contains(t, w.order().Finalizers, v1alpha1.FinalizerRecords)
	for _, url := range []string{fileURL, wwwFileURL} { // the other host by the name of the file alone
		body, ok := w.served(url)
		assert.True(t, ok)
		assert.Equal(t, "the\ntoken", body)
	}
	_, ok := w.served(strings.Replace(fileURL, "A1", "A2", 1))
	assert.False(t, ok)
	assert.Zero(t, w.reseller.count("validate"))

	w.web.err = nil
	w.untilState(v1alpha1.OrderIssued)
	w.run(0)
	_, ok = w.served(fileURL)
	assert.False(t, ok)
	assert.Empty(t, w.order().Finalizers)
	assert.Len(t, w.zone.removed, 1)
	assert.Positive(t, w.reseller.count("validate"))
}

// A cluster may never see its own hosts: the CA is asked after a while all the same.
func TestFileThatIsNotSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
	w.web.err = errHairpin
	w.ask("web-1", keyA, "example.com")
	begun := w.clock.Now()
	w.untilState(v1alpha1.OrderIssued)
	assert.Greater(t, w.clock.Now().Sub(begun), filePatience)
	assert.Less(t, w.clock.Now().Sub(begun), filePatience+3*time.Minute)
	said := w.recorder.all()
	assert.Contains(t, said, "Warning FileNotSeen")
	assert.Contains(t, said, "asking the CA all the same")
}

func TestFilesAreNotObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}), issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		s.DCV.Propagation.Check = v1alpha1.PropagationOff
	}))
	w.ask("web-1", keyA, "example.com")
	w.untilState(v1alpha1.OrderIssued)
	assert.Empty(t, w.web.fetched)
}

// The CA adds the www name, and leaves it out if its file is not there.
func TestFileOfTheFreeName(t *testing.T) {
	t.Parallel()
	for common, others := range map[string][]string{
		"example.com":      {"http://www.example.com/.well-known/pki-validation/A1.txt"},
		"shop.example.com": nil, // the challenge is not for the common name
	} {
		t.Run(common, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
			w.reseller.profile.WWWIncluded = true
			w.web.err = errHairpin
			w.ask("web-1", keyA, common, "example.com")
			w.run(30 * time.Second)
			var urls []string
			for _, record := range w.order().Status.Records {
				urls = append(urls, record.Name)
			}
			assert.Equal(t, append(others, fileURL), urls)
			assert.Equal(t, []string{fileURL}, slices.Compact(slices.Clone(w.web.fetched)), "what is asked for must be there")
			w.web.err = nil
			w.untilState(v1alpha1.OrderIssued)
			w.run(0)
			assert.Empty(t, w.order().Status.Records)
		})
	}
}

func TestCanaries(t *testing.T) {
	t.Parallel()
	route := v1alpha1.SolverHTTPFile{GatewayHTTPRoute: &v1alpha1.FileHTTPRoute{ParentRefs: []v1alpha1.FileParentRef{{Name: "public"}}}}
	cases := map[string]struct {
		solver v1alpha1.SolverHTTPFile
		www    bool
		err    error
		want   []string
		warns  int
	}{
		"static route":    {want: []string{"example.com"}},
		"free www name":   {www: true, want: []string{"example.com", "www.example.com"}},
		"not reachable":   {err: errHairpin, want: []string{"example.com"}, warns: 1},
		"route on demand": {solver: route, err: errHairpin},
		"ingress":         {solver: v1alpha1.SolverHTTPFile{Ingress: &v1alpha1.FileIngress{IngressClassName: "nginx"}}, err: errHairpin},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withFiles(tc.solver))
			w.reseller.profile.WWWIncluded, w.web.err = tc.www, tc.err
			w.ask("web-1", keyA, "example.com")
			w.run(0, func() bool { return w.reseller.count("buy") == 1 })
			slices.Sort(w.web.canaries)
			assert.Equal(t, tc.want, w.web.canaries)
			assert.Equal(t, tc.warns*2, strings.Count(w.recorder.all(), "does not arrive from outside"), "on the order and on the Certificate")
			assert.Equal(t, 1, w.reseller.count("buy"), "it is a warning")
		})
	}
}

// An issuer that may not serve files has none served, not even those that its orders note.
func TestForbiddenFileIsNotServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
	for range 1000 {
		w.zone.presentErr = append(w.zone.presentErr, dcv.ErrDenied)
	}
	w.ask("web-1", keyA, "example.com")
	w.untilWaiting(ReasonSolverFailed)
	assert.Len(t, w.order().Status.Records, 1)
	_, ok := w.served(fileURL)
	assert.False(t, ok)
}

// A file where we can't serve one is left to a person.
func TestFileElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
	w.reseller.challenges = func([]byte) []providers.Challenge {
		return []providers.Challenge{{Domain: "example.com", Method: providers.MethodFile, Body: "x", URLs: []string{"http://example.com/ca/A1.txt"}}}
	}
	w.reseller.issueAfter = 3
	w.ask("web-1", keyA, "example.com")
	w.untilWaiting(ReasonAwaitingRecords)
	assert.Contains(t, w.order().Status.Message, "http://example.com/ca/A1.txt")
	assert.Empty(t, w.order().Status.Records)
}

// fileOrder is an order that has published a file.
func fileOrder(w *world, name string, age time.Duration, url, body string) {
	w.t.Helper()
	w.create(&v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(testNow.Add(-age))},
	})
	order := &v1alpha1.ResellerOrder{}
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "team", Name: name}, order))
	order.Status.Records = []v1alpha1.PublishedRecord{{Name: url, Type: v1alpha1.DCVMethodFile, Value: body, Domain: "example.com", Solver: "a", Presented: true}}
	require.NoError(w.t, w.client.Status().Update(w.t.Context(), order))
}

func TestFilesOfSeveralOrders(t *testing.T) {
	t.Parallel()
	const name = "/.well-known/pki-validation/fileauth.txt"
	w := newWorld(t)
	fileOrder(w, "younger", time.Hour, "http://example.com"+name, "younger")
	fileOrder(w, "older", 2*time.Hour, "http://example.com"+name, "older")
	fileOrder(w, "other", time.Hour, "http://example.org"+name, "other")
	for url, want := range map[string]string{
		"http://example.com" + name: "older", // one after the other
		"http://example.org" + name: "other",
		"http://example.net" + name: "", // which of them is meant?
	} {
		body, ok := w.served(url)
		assert.Equal(t, want, body, url)
		assert.Equal(t, want != "", ok, url)
	}
}

func TestCleanupOfFilesGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withFiles(v1alpha1.SolverHTTPFile{}))
	w.web.err = errHairpin
	w.ask("web-1", keyA, "example.com")
	w.run(30 * time.Second)
	for range 100 {
		w.zone.cleanErr = append(w.zone.cleanErr, errors.New("Ingress issuer/dcv-1: forbidden"))
	}
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.run(time.Hour)
	assert.True(t, apierrors.IsNotFound(w.client.Get(t.Context(), w.key, &v1alpha1.ResellerOrder{})))
	said := w.recorder.all()
	for _, word := range []string{"CleanupAbandoned", fileURL, "Ingress issuer/dcv-1"} {
		assert.Contains(t, said, word)
	}
}
