package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notInChart are flags that make no sense there.
var notInChart = map[string]bool{"version": true, "kubeconfig": true}

// choices are the values of flags that take one of a few.
var choices = map[string][]string{
	"secret-watch": {watchAll, watchNamespaces, watchOff},
	"log-level":    {"error", "warn", "info", "debug"},
	"log-format":   {"json", "text"},
}

// TestChartHasEveryFlag keeps the section "config" of the chart's values, and of their schema,
// equal to the flags; `make generate` writes both.
func TestChartHasEveryFlag(t *testing.T) {
	for _, file := range []struct{ name, before, after, want string }{
		{"values.yaml", "# BEGIN flags\n", "# END flags\n", "config:\n" + chartValues()},
		{"values.schema.json", "    \"config\": ", ",\n    \"extraArgs\"", chartSchema(t)},
	} {
		path := filepath.Join("..", "..", "charts", "reseller-issuer", file.name)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		head, rest, found := strings.Cut(string(content), file.before)
		require.True(t, found, "%s has no %q", file.name, file.before)
		got, tail, found := strings.Cut(rest, file.after)
		require.True(t, found, "%s has no %q", file.name, file.after)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(head+file.before+file.want+file.after+tail), 0o644))
			continue
		}
		require.Equal(t, file.want, got, "%s: run make generate", file.name)
	}
}

func TestChartSetsNoUnknownChoice(t *testing.T) {
	t.Parallel()
	for flag, values := range choices {
		for _, value := range values {
			_, err := parse([]string{"--" + flag + "=" + value, "--cluster-resource-namespace=a", "--leader-election-namespace=a"}, &strings.Builder{})
			assert.NoError(t, err, "--%s=%s", flag, value)
		}
	}
}

func chartFlags(visit func(*pflag.Flag)) {
	c := defaults()
	c.flags().VisitAll(func(f *pflag.Flag) {
		if !notInChart[f.Name] {
			visit(f)
		}
	})
}

// chartValues states lists and addresses, because templates need them. For the rest, null
// leaves the default to the flag.
func chartValues() string {
	var text strings.Builder
	chartFlags(func(f *pflag.Flag) {
		value := "null"
		list, isList := f.Value.(pflag.SliceValue)
		switch {
		case isList && len(list.GetSlice()) == 0:
			value = "[]"
		case isList:
			value = ""
			for _, item := range list.GetSlice() {
				value += "\n    - " + strconv.Quote(item)
			}
		case strings.HasSuffix(f.Name, "-bind-address"):
			value = strconv.Quote(f.DefValue)
		}
		usage := strings.TrimSuffix(f.Usage, ".") + "."
		if value == "null" && f.DefValue != "" {
			usage += " Default: " + f.DefValue + "."
		}
		fmt.Fprintf(&text, "  # -- %s\n  %s: %s\n", capital(usage), camel(f.Name), value)
	})
	return strings.ReplaceAll(text.String(), ": \n", ":\n")
}

func chartSchema(t *testing.T) string {
	t.Helper()
	var properties []string
	chartFlags(func(f *pflag.Flag) {
		require.Equal(t, f.Name, kebab(camel(f.Name)), "the chart's template must find the flag's name again")
		property := map[string]any{"description": capital(f.Usage)}
		switch kind := f.Value.Type(); kind {
		case "bool":
			property["type"] = []string{"boolean", "null"}
		case "int", "uint16":
			property["type"] = []string{"integer", "null"}
		case "float32", "float64":
			property["type"] = []string{"number", "null"}
		case "duration":
			property["allOf"] = []any{map[string]string{"$ref": "#/definitions/duration"}}
		case "stringSlice":
			property["type"], property["items"] = "array", map[string]any{"type": "string", "pattern": "^[^,]+$"}
		case "string":
			property["type"] = []string{"string", "null"}
		default:
			require.Fail(t, "a new type of flag: say here how the chart's schema describes it", kind)
		}
		if list := choices[f.Name]; list != nil {
			property["enum"] = append([]any{nil}, toAny(list)...)
		}
		line, err := json.Marshal(property)
		require.NoError(t, err)
		properties = append(properties, fmt.Sprintf("        %q: %s", camel(f.Name), line))
	})
	return "{\n      \"type\": \"object\",\n      \"additionalProperties\": false,\n      \"properties\": {\n" +
		strings.Join(properties, ",\n") + "\n      }\n    }"
}

func toAny(list []string) []any {
	converted := make([]any, len(list))
	for i, s := range list {
		converted[i] = s
	}
	return converted
}

func capital(text string) string {
	runes := []rune(text)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

// camel makes "clusterId" of "cluster-id".
func camel(flag string) string {
	words := strings.Split(flag, "-")
	for i := range words[1:] {
		words[i+1] = capital(words[i+1])
	}
	return strings.Join(words, "")
}

var upper = regexp.MustCompile(`([A-Z])`)

// kebab does what the chart's template "reseller-issuer.args" does.
func kebab(key string) string {
	return strings.ToLower(upper.ReplaceAllString(key, "-$1"))
}
