package suites

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
)

var updateSession = flag.Bool("update-session", false, "write docs/kubectl-session.md from what the plug-in prints")

// session is a person at a terminal, and the page that it becomes.
type session struct {
	*scene
	kubeconfig string
	page       strings.Builder
	// names are replaced in the page by what a reader would use.
	names *strings.Replacer
}

// TestPluginSession goes through the life of a certificate with the plug-in, with the rights
// that its page names, and compares what it prints with the page in docs.
func TestPluginSession(t *testing.T) {
	t.Parallel()
	s := &session{scene: newScene(t)}
	s.kubeconfig = s.person()
	s.names = strings.NewReplacer(s.domain, "shop.example.com", s.namespace, "shop")
	s.page.WriteString("# A session with the plug-in\n\nMade by a test on a real API server with the sandbox reseller; names, numbers and times are replaced.\n")
	settings := s.settings(productSingle)
	settings.Purchase.Mode = v1alpha1.PurchaseDryRun
	issuer := s.issuer(settings)

	s.says("An issuer is tried before it may buy:")
	s.runs(0, "check", issuerName, "--names", s.domain)
	s.runs(0, "price", issuerName, "--names", s.domain)
	s.runs(0, "balance", issuerName)
	s.says("A Certificate is created while the issuer's `purchase.mode` is `DryRun`:")
	certificate := s.certificate("site", issuer, s.domain)
	s.create(certificate)
	order := s.awaitHeld("DryRun")
	s.runs(0, "orders", "--held")
	s.runs(0, "describe", "site")
	s.says("`mode: Live` lets it buy:")
	s.change(issuer, func() { issuer.Spec.Purchase.Mode = v1alpha1.PurchaseLive })
	s.awaitReady(certificate)
	s.awaitOrder(func(c *assert.CollectT, o *v1alpha1.ResellerOrder) {
		assert.Equal(c, v1alpha1.OrderIssued, o.Status.State)
		assert.Empty(c, o.Status.Records)
		assert.Nil(c, o.Status.Issuance)
	})
	s.runs(0, "orders")
	s.runs(0, "spend", "--by", "namespace", "--since", "1h")
	s.says("A key has leaked. Replace the certificate, then revoke the old one:")
	first := s.secretSerial(certificate)
	s.awaitReplaced(certificate, func() { s.runs(0, "reissue", "site", "--yes") })
	s.says("This reseller's API has no call to revoke, and the answer says so:")
	s.runs(3, "revoke", "site", "--serial", first, "--yes")
	s.says("What a person doesn't confirm is not done:")
	s.runs(4, "cancel", "site")
	s.compare()
	assert.NotNil(t, order)
	s.paidOnce()
}

// person makes a user with just the rights in docs/kubectl.md.
func (s *session) person() string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(world.Directory(), "docs", "kubectl.md"))
	require.NoError(s.t, err)
	s.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "person"}})
	roles := 0
	for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
		objects, err := parseDocuments(block[3])
		require.NoError(s.t, err)
		for _, role := range objects {
			roles++
			s.bind(role)
		}
	}
	require.Equal(s.t, 2, roles)
	path, err := world.Plane().ServiceAccountConfig(s.t.Context(), s.namespace, "person")
	require.NoError(s.t, err)
	return path
}

func (s *session) bind(role *unstructured.Unstructured) {
	s.t.Helper()
	require.NoError(s.t, world.Plane().ApplyObjects(s.t.Context(), role))
	s.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.GetName() + "-" + s.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.GetName()},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.namespace, Name: "person"}},
	})
}

// says writes prose into the page.
func (s *session) says(text string) { fmt.Fprintf(&s.page, "\n%s\n", text) }

// runs gives a command to the plug-in and writes both into the page.
func (s *session) runs(code int, args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), world.Executable(lab.PluginName), append(args, "--kubeconfig="+s.kubeconfig, "--namespace="+s.namespace)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	exit := &exec.ExitError{}
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		require.NoError(s.t, err)
	}
	require.Equal(s.t, code, got, "%v: %s", args, out.String())
	fmt.Fprintf(&s.page, "\n```console\n$ kubectl reseller %s -n shop\n%s```\n", s.plain(strings.Join(args, " ")), align(s.plain(out.String())))
}

// What differs from run to run.
var variable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`[0-9a-f]{32}-(\d+)`), "1f3a90c2b4d5e6f708192a3b4c5d6e7f-$1"},
	{regexp.MustCompile(`\b[0-9a-f]{30,40}\b`), "4b1d0c6e5f2a99871c3e"},
	{regexp.MustCompile(`\bsite-[0-9a-f]{8}\b`), "site-1f3a90c2"},
	{regexp.MustCompile(`\bshop-(\d+)\b`), "shop-1"},
	{regexp.MustCompile(`order_id=\d+`), "order_id=1001"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d(T[0-9:]+Z)?`), "2027-05-20"},
	{regexp.MustCompile(`\bsince \d+s`), "since 1s"},
	{regexp.MustCompile(`\b\d+s( |$)`), "5s$1"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "192.0.2.53:53"},
	{regexp.MustCompile(`_[0-9a-f]{32}\.`), "_0b1c2d3e4f.."},
	{regexp.MustCompile(`(?m)^\d{5,}\.\d\d$`), "1250.00"},
}

// plain replaces what differs.
func (s *session) plain(text string) string {
	text = s.names.Replace(text)
	for _, v := range variable {
		text = v.pattern.ReplaceAllString(text, v.text)
	}
	return text
}

var columns = regexp.MustCompile(` {2,}`)

// align sets the columns of tables anew.
func align(text string) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for line := range strings.Lines(text) {
		_, _ = table.Write([]byte(columns.ReplaceAllString(line, "\t")))
	}
	_ = table.Flush()
	return out.String()
}

// compare holds what was printed against the page.
func (s *session) compare() {
	s.t.Helper()
	path := filepath.Join(world.Directory(), "docs", "kubectl-session.md")
	if *updateSession {
		require.NoError(s.t, os.WriteFile(path, []byte(s.page.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(s.t, err)
	assert.Equal(s.t, string(want), s.page.String(), "go -C e2e test ./suites -run TestPluginSession -update-session")
}

// secretSerial is the serial number of the certificate in the Secret.
func (s *scene) secretSerial(certificate *cmapi.Certificate) string {
	s.t.Helper()
	return s.checkSecret(certificate).SerialNumber.Text(16)
}

// awaitReplaced waits until the Secret has another certificate than before.
func (s *scene) awaitReplaced(certificate *cmapi.Certificate, replace func()) {
	s.t.Helper()
	stored := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: certificate.Spec.SecretName}}
	s.get(stored)
	before := stored.Data[corev1.TLSCertKey]
	replace()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(stored), stored))
		assert.NotEqual(c, before, stored.Data[corev1.TLSCertKey])
	})
}
