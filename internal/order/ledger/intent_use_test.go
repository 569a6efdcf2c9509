package ledger

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayMakeIntents are the folders whose code may call providers.NewIntent, beside tests.
var mayMakeIntents = []string{"internal/order/ledger", "internal/providers/providertest"}

// TestOnlyTheLedgerMakesIntents reads the code of all modules: a call that can't be repeated
// needs an intent, and an intent must have been stored.
func TestOnlyTheLedgerMakesIntents(t *testing.T) {
	t.Parallel()
	root := repository(t)
	files := goFiles(t, root)
	assert.Greater(t, len(files), 50, "the walk must see the code")
	ledgerUses := 0
	for _, path := range files {
		relative, err := filepath.Rel(root, filepath.Dir(path))
		require.NoError(t, err)
		folder := filepath.ToSlash(relative)
		uses := usesOfNewIntent(t, path, folder == "internal/providers")
		if !slices.Contains(mayMakeIntents, folder) {
			assert.Zero(t, uses, "%s makes an intent: only the ledger may", path)
		} else if folder == mayMakeIntents[0] {
			ledgerUses += uses
		}
	}
	assert.Positive(t, ledgerUses, "the scan must recognise the ledger's own uses")
}

// goFiles are all that is compiled into programs, of all modules in the repository.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "vendor"):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			files = append(files, path)
		}
		return nil
	}))
	return files
}

func repository(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "internal", "providers", "intent.go")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		require.NotEqual(t, parent, folder, "the repository's root isn't above this package")
		folder = parent
	}
}

// usesOfNewIntent counts references, also those under another import name or without a
// call; in the package itself the declaration is none.
func usesOfNewIntent(t *testing.T, path string, inside bool) int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	uses := 0
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			if inside && n.Name.Name == "NewIntent" {
				return false
			}
		case *ast.Ident:
			if n.Name == "NewIntent" {
				uses++
			}
		case *ast.CompositeLit:
			// Intent{} would be an intent too, though one that never is spendable.
			if isIntent(n.Type) && !inside {
				uses++
			}
		}
		return true
	})
	return uses
}

func isIntent(expression ast.Expr) bool {
	switch e := expression.(type) {
	case *ast.SelectorExpr:
		identifier, ok := e.X.(*ast.Ident)
		return ok && identifier.Name == "providers" && e.Sel.Name == "Intent"
	case *ast.Ident:
		return e.Name == "Intent"
	}
	return false
}
