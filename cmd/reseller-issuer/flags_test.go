package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the page of the flags")

// TestFlagsPage keeps the reference of the flags right; `make generate` writes it.
func TestFlagsPage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "reference", "flags.md")
	want := flagsPage()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run make generate")
}

func flagsPage() string {
	var page strings.Builder
	page.WriteString("# Flags of reseller-issuer\n\nMade by `make generate`.\n\n| flag | default | meaning |\n|---|---|---|\n")
	c := defaults()
	c.flags().VisitAll(func(f *pflag.Flag) {
		value := f.DefValue
		if value == "" || value == "[]" {
			value = "-"
		}
		fmt.Fprintf(&page, "| `--%s` | %s | %s |\n", f.Name, strings.ReplaceAll(value, "|", `\|`), strings.ReplaceAll(f.Usage, "|", `\|`))
	})
	return page.String()
}
