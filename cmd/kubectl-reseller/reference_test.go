package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the page of the verbs")

// TestVerbsPage keeps the reference of the verbs right; `make generate` writes it.
func TestVerbsPage(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "docs", "reference", "kubectl.md")
	want := verbsPage()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run make generate")
}

func verbsPage() string {
	var page strings.Builder
	page.WriteString("# Verbs of kubectl reseller\n\nMade by `make generate`. Every verb also takes kubectl's flags for the connection, such as `-n` and\n`--context`, and `-o json` or `-o yaml`.\n")
	for _, verb := range (&app{}).command().Commands() {
		writeVerb(&page, verb)
	}
	return page.String()
}

func writeVerb(page *strings.Builder, verb *cobra.Command) {
	fmt.Fprintf(page, "\n## %s\n\n", verb.Name())
	long := verb.Long
	if long == "" {
		long = verb.Short + "."
	}
	fmt.Fprintf(page, "%s\n\n```\nkubectl reseller %s\n", long, verb.Use)
	if flags := verb.LocalNonPersistentFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(page, "\n%s", flags)
	}
	page.WriteString("```\n")
	if verb.Example != "" {
		fmt.Fprintf(page, "\n```console\n%s\n```\n", strings.ReplaceAll(verb.Example, "  kubectl", "$ kubectl"))
	}
}

// TestEveryVerbIsExplained: each has a summary, and none of those that change something is
// without a description.
func TestEveryVerbIsExplained(t *testing.T) {
	t.Parallel()
	verbs := (&app{}).command().Commands()
	require.Greater(t, len(verbs), 15)
	for _, verb := range verbs {
		require.NotEmpty(t, verb.Short, verb.Name())
		require.NotNil(t, verb.Args, verb.Name())
	}
}
