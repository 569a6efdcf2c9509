package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is generated")

// matches holds a generated file against what it should be; `make generate` writes it.
func matches(t *testing.T, want string, path ...string) {
	t.Helper()
	file := filepath.Join(append([]string{"..", ".."}, path...)...)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run make generate")
}

// TestReference keeps the reference of the metrics right.
func TestReference(t *testing.T) {
	t.Parallel()
	matches(t, reference(t), "docs", "reference", "metrics.md")
}

const introduction = `# Metrics of reseller-issuer

Made by ` + "`make generate`" + `.

Orders, purchases and issuers are counted at each scrape from their objects, by every replica: the
figures survive restarts, and over replicas take ` + "`max`" + `, not ` + "`sum`" + `. What a process does (requests,
calls, events, durations) is counted by the replica that leads: take ` + "`sum`" + ` of ` + "`rate` or `increase`" + `. How
long a phase took is measured from times stored in the order, to the second.

All labels are bounded: words of the code, and the names of issuers. No label has an order, a Certificate,
a DNS name, an account or anything secret. Each issuer has about 25 series. Which order it is
that a figure warns of is found with ` + "`kubectl get resellerorders -A`" + `, as the [runbook](../runbook.md) says.

Beside these are those of controller-runtime, for example ` + "`leader_election_master_status`" + `,
` + "`controller_runtime_reconcile_errors_total` and `workqueue_depth`" + `, and of the Go process.

`

func reference(t *testing.T) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(introduction)
	page.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	used := map[string]bool{}
	for _, f := range Families() {
		labels := make([]string, 0, len(f.Labels))
		for _, label := range f.Labels {
			labels = append(labels, "`"+label+"`")
			used[label] = true
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, strings.Join(labels, " "), f.Help)
	}
	page.WriteString("\n## Labels\n\n| label | values |\n|---|---|\n")
	explained := Labels()
	for _, label := range slices.Sorted(maps.Keys(explained)) {
		fmt.Fprintf(&page, "| `%s` | %s |\n", label, explained[label])
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(used)), slices.Collect(maps.Keys(explained)))
	return page.String()
}
