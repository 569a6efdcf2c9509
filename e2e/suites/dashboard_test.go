package suites

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

// panel is what Grafana draws.
type panel struct {
	Title   string `json:"title"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// inspectDashboard asks a Prometheus that has scraped the controller during all tests what the
// dashboard asks it. Where all tests ran, each query must have had an answer: there
// were purchases, held orders and outages. Where some ran, each must be one that
// Prometheus understands.
func inspectDashboard(ctx context.Context) error {
	panels, err := panels()
	if err != nil {
		return err
	}
	everything := flag.Lookup("test.run").Value.String() == ""
	var problems []error
	asked, empty := 0, 0
	for _, panel := range panels {
		for _, target := range panel.Targets {
			asked++
			count, err := world.Points(ctx, resolved(target.Expr))
			switch {
			case err != nil:
				problems = append(problems, fmt.Errorf("suites: panel %q: %w", panel.Title, err))
			case count == 0:
				empty++
				if everything {
					problems = append(problems, fmt.Errorf("suites: panel %q: no data for %s", panel.Title, target.Expr))
				}
			}
		}
	}
	fmt.Fprintf(os.Stderr, "dashboard: %d queries, %d with data\n", asked, asked-empty)
	return errors.Join(problems...)
}

func panels() ([]panel, error) {
	module, err := controlplane.ModuleDir()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(module), "config", "grafana", "reseller-issuer.json"))
	if err != nil {
		return nil, fmt.Errorf("suites: %w", err)
	}
	var dashboard struct {
		Panels []panel `json:"panels"`
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		return nil, fmt.Errorf("suites: dashboard: %w", err)
	}
	return dashboard.Panels, nil
}

// resolved puts in what Grafana does: all issuers, and a time of a few scrapes.
func resolved(query string) string {
	return strings.NewReplacer("$issuer", ".*", "$__rate_interval", "10s").Replace(query)
}

// inspectAlerts fails when Prometheus could not evaluate an alert, or when one fires that
// must not where a controller works.
func inspectAlerts(ctx context.Context) error {
	states, err := world.AwaitRules(ctx)
	if err != nil {
		return err
	}
	if len(states) == 0 {
		return errors.New("suites: Prometheus has no rules")
	}
	for _, alert := range []string{"ResellerIssuerDown", "ResellerIssuerNoLeader"} {
		if state := states[alert]; state == "" || state == "firing" {
			return fmt.Errorf("suites: alert %s is %q", alert, state)
		}
	}
	return nil
}

// inspectMetrics fails when a credential stands in the metrics, or a name that somebody wants
// a certificate for: those would make series without end.
func inspectMetrics(ctx context.Context) error {
	text, err := world.Metrics(ctx)
	if err != nil {
		return err
	}
	if !strings.Contains(text, "reseller_issuer_orders") {
		return errors.New("suites: the metrics have no orders")
	}
	if strings.Contains(text, zone) {
		return fmt.Errorf("suites: names below %s stand in the metrics", zone)
	}
	return discloses("the metrics", text)
}
