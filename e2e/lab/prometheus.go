package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

const (
	prometheusName    = "prometheus"
	prometheusTimeout = 10 * time.Second
	maxPrometheusBody = 16 << 20
	// Prometheus looks at its targets and rules some seconds after it is ready.
	evaluationTimeout = time.Minute
	evaluationPeriod  = 500 * time.Millisecond
)

// prometheusProcess is a Prometheus that scrapes the controller.
type prometheusProcess struct {
	*process.Process
	base    string
	started time.Time
}

// StartPrometheus starts Prometheus, which scrapes the controller each second, whenever it
// runs, and evaluates the alert rules of config/.
func (l *Lab) StartPrometheus(ctx context.Context) error {
	metrics, err := l.metricsAddress(ctx)
	if err != nil {
		return err
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	address := loopback(port)
	dir := filepath.Join(l.plane.Dir(), prometheusName)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	settings := filepath.Join(dir, "prometheus.yaml")
	content := fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 5s}
rule_files: [%q]
scrape_configs:
  - job_name: reseller-issuer
    static_configs: [{targets: [%q]}]
`, l.config("prometheus", "rules.yaml"), metrics)
	if err := os.WriteFile(settings, []byte(content), 0o600); err != nil {
		return err
	}
	p := &prometheusProcess{base: "http://" + address, started: time.Now()}
	p.Process, err = process.Start(ctx, process.Spec{
		Name: prometheusName,
		Path: prometheusName,
		Args: []string{
			"--config.file=" + settings,
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address,
		},
		LogFile: filepath.Join(dir, "log"),
		Ready:   process.HTTPReady(p.base+"/-/ready", nil),
	})
	if err != nil {
		return err
	}
	l.prometheus = p
	return nil
}

// metricsAddress is the controller's, the same over its restarts.
func (l *Lab) metricsAddress(ctx context.Context) (string, error) {
	if l.metrics == "" {
		port, err := process.FreePort(ctx)
		if err != nil {
			return "", err
		}
		l.metrics = loopback(port)
	}
	return l.metrics, nil
}

// Metrics are the controller's, as it shows them to Prometheus.
func (l *Lab) Metrics(ctx context.Context) (string, error) {
	text, err := fetch(ctx, "http://"+l.metrics+"/metrics")
	if err != nil {
		return "", fmt.Errorf("lab: metrics: %w", err)
	}
	return string(text), nil
}

// Points is how many numbers a query of Prometheus returns, over all of its time. A query that
// is wrong is an error.
func (l *Lab) Points(ctx context.Context, query string) (int, error) {
	var data struct {
		Result []struct {
			// Values are times and numbers in text form.
			Values [][2]any `json:"values"`
		} `json:"result"`
	}
	err := l.askPrometheus(ctx, "query_range", url.Values{
		"query": {query}, "start": {stamp(l.prometheus.started)}, "end": {stamp(time.Now())}, "step": {"1s"},
	}, &data)
	count := 0
	for _, series := range data.Result {
		for _, value := range series.Values {
			if value[1] != "NaN" {
				count++
			}
		}
	}
	return count, err
}

func stamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// AwaitRules waits until Prometheus has scraped the controller and evaluated all alerts, and
// returns their states. An alert that can't be evaluated is an error.
func (l *Lab) AwaitRules(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, evaluationTimeout)
	defer cancel()
	ticker := time.NewTicker(evaluationPeriod)
	defer ticker.Stop()
	for {
		scrapes, err := l.Points(ctx, "up == 1")
		if err != nil {
			return nil, err
		}
		states, pending, err := l.rules(ctx)
		if err != nil || (scrapes > 0 && !pending) {
			return states, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lab: prometheus: %d scrapes, rules pending: %t: %w", scrapes, pending, ctx.Err())
		case <-ticker.C:
		}
	}
}

// rules are the states of the alerts, and whether some were not evaluated yet.
func (l *Lab) rules(ctx context.Context) (states map[string]string, pending bool, err error) {
	var data struct {
		Groups []struct {
			Rules []struct {
				Name, State, Health, LastError string
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := l.askPrometheus(ctx, "rules", nil, &data); err != nil {
		return nil, false, err
	}
	states = map[string]string{}
	var problems []error
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			states[rule.Name] = rule.State
			switch rule.Health {
			case "ok":
			case "unknown":
				pending = true
			default:
				problems = append(problems, fmt.Errorf("lab: alert %s: %s: %s", rule.Name, rule.Health, rule.LastError))
			}
		}
	}
	return states, pending, errors.Join(problems...)
}

func (l *Lab) askPrometheus(ctx context.Context, path string, parameters url.Values, data any) error {
	text, err := fetch(ctx, l.prometheus.base+"/api/v1/"+path+"?"+parameters.Encode())
	if err != nil {
		return fmt.Errorf("lab: prometheus: %w", err)
	}
	reply := struct {
		Status string
		Error  string
		Data   any
	}{Data: data}
	if err := json.Unmarshal(text, &reply); err != nil {
		return fmt.Errorf("lab: prometheus: %s: %w", path, err)
	}
	if reply.Status != "success" {
		return fmt.Errorf("lab: prometheus: %s: %s", path, reply.Error)
	}
	return nil
}

// fetch reads an answer whatever its status: Prometheus explains errors in it.
func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, prometheusTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPrometheusBody))
	return text, errors.Join(err, response.Body.Close())
}
