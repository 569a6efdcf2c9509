package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// ruleFile is as Prometheus reads it.
type ruleFile struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func config(path ...string) string {
	return filepath.Join(append([]string{"..", "..", "config"}, path...)...)
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(config(path...))
	require.NoError(t, err)
	return content
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file ruleFile
	require.NoError(t, yaml.UnmarshalStrict(read(t, "prometheus", "rules.yaml"), &file))
	require.Len(t, file.Groups, 1)
	require.NotEmpty(t, file.Groups[0].Rules)
	return file.Groups[0].Rules
}

// TestRulesForTheOperator makes the PrometheusRule from the file of the rules.
func TestRulesForTheOperator(t *testing.T) {
	t.Parallel()
	const head = `# Made by ` + "`make generate`" + ` from rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: reseller-issuer
  namespace: reseller-issuer
  labels:
    app.kubernetes.io/name: reseller-issuer
spec:
`
	var page strings.Builder
	page.WriteString(head)
	_, groups, found := strings.Cut(string(read(t, "prometheus", "rules.yaml")), "\ngroups:\n")
	require.True(t, found)
	for line := range strings.Lines("groups:\n" + groups) {
		if line != "\n" {
			line = "  " + line
		}
		page.WriteString(line)
	}
	matches(t, page.String(), "config", "prometheus", "prometheusrule.yaml")
}

// TestPromtool has Prometheus' own tool read the rules and run their tests.
func TestPromtool(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", config("prometheus", "rules.yaml")},
		{"test", "rules", config("prometheus", "rules_test.yaml")},
	} {
		output, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
}

// TestEveryAlertIsTested wants a case in which an alert fires and one in which it doesn't.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string `json:"alertname"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(read(t, "prometheus", "rules_test.yaml"), &file))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.AlertRuleTest {
			if len(c.ExpAlerts) > 0 {
				fires[c.Alertname] = true
			} else {
				quiet[c.Alertname] = true
			}
		}
	}
	for _, r := range rules(t) {
		assert.True(t, fires[r.Alert], "%s never fires", r.Alert)
		assert.True(t, quiet[r.Alert], "%s always fires", r.Alert)
	}
}

// TestEveryAlertHasARunbook holds the links against the headings of the runbook.
func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbook.md"))
	require.NoError(t, err)
	_, alerts, found := strings.Cut(string(runbook), "\n## Alerts\n")
	require.True(t, found)
	const page = "https://github.com/reseller-issuer/reseller-issuer/blob/main/docs/runbook.md#"
	for _, r := range rules(t) {
		assert.Equal(t, page+strings.ToLower(r.Alert), r.Annotations["runbook_url"], r.Alert)
		_, section, found := strings.Cut(alerts, "\n### "+r.Alert+"\n")
		assert.True(t, found, "no section %s", r.Alert)
		section, _, _ = strings.Cut(section, "\n### ")
		for _, part := range []string{"**Meaning.** ", "**Look.** ", "**Do.** "} {
			assert.Contains(t, section, part, r.Alert)
		}
		assert.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], r.Alert)
		for _, annotation := range []string{"summary", "description"} {
			assert.NotEmpty(t, r.Annotations[annotation], r.Alert)
		}
	}
	for line := range strings.Lines(alerts) {
		if name, ok := strings.CutPrefix(line, "### "); ok {
			assert.True(t, slices.ContainsFunc(rules(t), func(r rule) bool { return r.Alert == strings.TrimSpace(name) }), "no alert %s", name)
		}
	}
}

// foreign are metrics of controller-runtime and the Go process.
var foreign = []string{
	"leader_election_master_status", "controller_runtime_reconcile_total", "controller_runtime_reconcile_errors_total",
	"workqueue_depth", "process_resident_memory_bytes",
}

var metricName = regexp.MustCompile(`\b(reseller_issuer|leader_election|controller_runtime|workqueue|process)_[a-z_]+\b`)

// known fails for a query of a metric that doesn't exist.
func known(t *testing.T, where, query string) {
	t.Helper()
	names := metricName.FindAllString(query, -1)
	assert.NotEmpty(t, names, where)
	for _, name := range names {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		exists := slices.Contains(foreign, name) || slices.ContainsFunc(Families(), func(f Family) bool {
			return f.Name == name && f.Type != Histogram || f.Name == base && f.Type == Histogram
		})
		assert.True(t, exists, "%s: no metric %s", where, name)
	}
}

func TestAlertsAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	for _, r := range rules(t) {
		known(t, r.Alert, r.Expr)
	}
}

// dashboard is the part of Grafana's JSON that is looked at.
type dashboard struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID         int               `json:"id"`
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Datasource map[string]string `json:"datasource"`
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID      string            `json:"refId"`
		Expr       string            `json:"expr"`
		Datasource map[string]string `json:"datasource"`
	} `json:"targets"`
}

// TestDashboard looks at the structure of the dashboard. That its queries return data is
// shown by the end-to-end tests.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d dashboard
	require.NoError(t, json.Unmarshal(read(t, "grafana", "reseller-issuer.json"), &d))
	assert.Equal(t, "reseller-issuer", d.UID)
	assert.GreaterOrEqual(t, d.SchemaVersion, 39, "Grafana 10")
	require.NotEmpty(t, d.Templating.List)
	assert.Equal(t, "datasource", d.Templating.List[0].Name)
	assert.Equal(t, "datasource", d.Templating.List[0].Type)
	assert.Equal(t, "prometheus", d.Templating.List[0].Query)
	source := map[string]string{"type": "prometheus", "uid": "${datasource}"}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	used := map[string]bool{}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], "id %d twice", p.ID)
		ids[p.ID] = true
		assert.NotEmpty(t, p.Title)
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				assert.Empty(t, taken[[2]int{x, y}], "%s covers another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		assert.Equal(t, source, p.Datasource, p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			assert.Equal(t, source, target.Datasource, p.Title)
			known(t, p.Title, target.Expr)
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				used[strings.TrimSuffix(name, "_bucket")] = true
			}
		}
	}
	for _, f := range Families() {
		assert.True(t, used[f.Name], "the dashboard doesn't show %s", f.Name)
	}
}
