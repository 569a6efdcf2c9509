package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// The values of --output.
const (
	outputJSON = "json"
	outputYAML = "yaml"
)

// none is written where there is nothing to tell.
const none = "-"

// print writes a value in the form that --output asks for; table writes it for people.
func (a *app) print(value any, table func(io.Writer) error) error {
	switch a.output {
	case outputJSON:
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case outputYAML:
		text, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	}
	return table(a.out)
}

// rows writes a table; cells of a row are separated by at least two blanks.
func rows(w io.Writer, lines [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		if _, err := fmt.Fprintln(table, strings.Join(line, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// age is how long ago something was, as kubectl writes it.
func (a *app) age(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return duration.HumanDuration(a.clock.Since(t))
}

func dayOf(t *metav1.Time) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.DateOnly)
}

func text(s string) string {
	if s == "" {
		return none
	}
	return s
}

func price(m *v1alpha1.Money) string {
	if m == nil {
		return none
	}
	return strings.TrimSpace(m.Amount + " " + m.Currency)
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
