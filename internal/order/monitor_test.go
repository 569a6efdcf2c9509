package order

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// follower is a Monitor that writes down what it is told.
type follower struct {
	entered int
	events  []string
	states  []v1alpha1.OrderState
	inside  bool
}

type followed struct{}

func (f *follower) Enter(ctx context.Context, _ *v1alpha1.ResellerOrder) context.Context {
	f.entered++
	return context.WithValue(ctx, followed{}, true)
}

func (f *follower) Stored(ctx context.Context, change Change) {
	f.inside = ctx.Value(followed{}) == true
	f.events = append(f.events, change.Events...)
	if was, is := change.Before.State, change.Order.Status.State; was != is {
		f.states = append(f.states, is)
	}
}

func TestMonitorFollowsAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	f := &follower{}
	w.r.Monitor = f
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	assert.Positive(t, f.entered)
	assert.True(t, f.inside, "the context of the step is handed on")
	for _, event := range []string{"Published", "Propagated", "Purchased", "Issued"} {
		assert.Equal(t, 1, count(f.events, event), "%s in %v", event, f.events)
	}
	for _, state := range []v1alpha1.OrderState{v1alpha1.OrderPublishing, v1alpha1.OrderValidating, v1alpha1.OrderIssued} {
		assert.Contains(t, f.states, state)
	}
}

// TestLog has the keys of order and request in every line, and one line for each event.
func TestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	var lines []string
	ctx := log.IntoContext(t.Context(), funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{Verbosity: 1}))
	w.ask("web-1", keyA)
	for range 100 {
		_, err := w.r.Reconcile(ctx, ctrl.Request{NamespacedName: w.key})
		require.NoError(t, err)
		w.clock.advance(time.Second)
	}
	require.Equal(t, v1alpha1.OrderIssued, w.state())
	bought := 0
	for _, line := range lines {
		assert.Contains(t, line, `"key"="`+w.order().Spec.Key+`"`)
		assert.Contains(t, line, `"request"="web-1"`)
		if strings.Contains(line, `"reason"="Purchased"`) {
			bought++
		}
	}
	assert.Equal(t, 1, bought)
}

// TestTroubleIsAnnouncedOnce has a solver fail again and again: one warning is enough.
func TestTroubleIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	f := &follower{}
	w.r.Monitor = f
	w.zone.presentErr = slices.Repeat([]error{errZone}, 1000)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonSolverFailed)
	w.run(time.Hour)
	require.Equal(t, ReasonSolverFailed, w.waitsFor())
	assert.Greater(t, w.order().Status.Failures, int32(3))
	assert.Equal(t, 1, count(f.events, string(ReasonSolverFailed)), "%v", f.events)
}

func count(list []string, wanted string) int {
	n := 0
	for _, s := range list {
		if s == wanted {
			n++
		}
	}
	return n
}

// TestReasonsAreListed holds the lists, from which metrics begin at zero, against the code.
func TestReasonsAreListed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	reasons, events := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			collectReasons(node, reasons, events)
			return true
		})
	}
	delete(events, "") // expressions: reasons to wait, or what an operation is called when done
	for reason := range reasons {
		delete(events, reason)
	}
	var listed []string
	for _, r := range slices.Concat(HoldingReasons(), PassingReasons()) {
		listed = append(listed, string(r))
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(reasons)), listed)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(events)), EventReasons())
}

// collectReasons notes reasons to wait and reasons of events that a piece of code names.
func collectReasons(node ast.Node, reasons, events map[string]bool) {
	switch node := node.(type) {
	case *ast.ValueSpec:
		if kind, ok := node.Type.(*ast.Ident); ok && kind.Name == "Reason" && len(node.Values) == 1 {
			reasons[literal(node.Values[0])] = true
		}
	case *ast.CallExpr:
		if f, ok := node.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "note" || f.Sel.Name == "warnOnce") {
			events[literal(node.Args[0])] = true
		}
	case *ast.KeyValueExpr:
		if key, ok := node.Key.(*ast.Ident); ok && (key.Name == "reason" || key.Name == "done") {
			events[literal(node.Value)] = true
		}
	}
}

// literal is the text of a string literal, empty for any other expression.
func literal(e ast.Expr) string {
	basic, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(basic.Value)
	if err != nil {
		return ""
	}
	return text
}
