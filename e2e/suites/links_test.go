package suites

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	notInAnchor     = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	block           = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```")
	code            = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```|`[^`\n]*`")
)

// TestDocumentLinks fails for a link to a page or a heading that isn't there.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	anchors := map[string]map[string]bool{}
	for _, page := range documents(t) {
		anchors[page] = anchorsOf(t, page)
	}
	links := 0
	for page := range anchors {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, link := range markdownLink.FindAllStringSubmatch(code.ReplaceAllString(string(content), ""), -1) {
			target := link[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(target, "#")
			file := page
			if path != "" {
				file = filepath.Join(filepath.Dir(page), path)
			}
			_, err := os.Stat(file)
			if assert.NoError(t, err, "%s links to %s", page, target) && anchor != "" {
				assert.True(t, anchors[file][anchor], "%s links to %s: there is no such heading", page, target)
			}
		}
	}
	assert.Greater(t, links, 50)
}

// anchorsOf are the names of a page's headings, as forges make them.
func anchorsOf(t *testing.T, page string) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	anchors := map[string]bool{}
	for _, heading := range markdownHeading.FindAllStringSubmatch(block.ReplaceAllString(string(content), ""), -1) {
		text := markdownLink.ReplaceAllString(strings.ReplaceAll(heading[1], "[", ""), "")
		anchors[strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(text), ""), " ", "-")] = true
	}
	return anchors
}
