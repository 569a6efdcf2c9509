package controlplane

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Names that cert-manager's chart gives a release called cert-manager.
const (
	certManagerNamespace = "cert-manager"
	certManagerAccount   = "cert-manager"
	webhookAccount       = "cert-manager-webhook"
)

// chartNames take the place of the chart's _helpers.tpl.
const chartNames = `
{{define "cert-manager.name"}}cert-manager{{end}}
{{define "cert-manager.fullname"}}cert-manager{{end}}
{{define "cert-manager.namespace"}}` + certManagerNamespace + `{{end}}
{{define "cert-manager.serviceAccountName"}}` + certManagerAccount + `{{end}}
{{define "webhook.name"}}webhook{{end}}
{{define "webhook.fullname"}}cert-manager-webhook{{end}}
{{define "webhook.serviceAccountName"}}` + webhookAccount + `{{end}}
{{define "labels"}}app.kubernetes.io/managed-by: e2e{{end}}
`

// chart renders templates of cert-manager's own Helm chart, so that cert-manager
// has exactly the permissions and webhook rules that it has in a cluster.
// It knows as much of Helm's template language as those templates use.
type chart struct {
	dir    string
	values map[string]any
}

func loadChart(dir string) (*chart, error) {
	content, err := os.ReadFile(filepath.Join(dir, "values.yaml")) //nolint:gosec // a file of our cache
	if err != nil {
		return nil, err
	}
	c := &chart{dir: dir}
	return c, yaml.Unmarshal(content, &c.values)
}

// rbac returns the roles and bindings of the controllers and the webhook.
func (c *chart) rbac() ([]*unstructured.Unstructured, error) {
	return c.render("rbac.yaml", "webhook-rbac.yaml")
}

// webhooks returns the admission configurations that call the webhook at
// 127.0.0.1:port and trust the CA in PEM.
func (c *chart) webhooks(port int, ca []byte) ([]*unstructured.Unstructured, error) {
	host := "127.0.0.1:" + strconv.Itoa(port)
	if err := unstructured.SetNestedField(c.values, host, "webhook", "url", "host"); err != nil {
		return nil, err
	}
	objects, err := c.render("webhook-validating-webhook.yaml", "webhook-mutating-webhook.yaml")
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if err := trust(object, ca); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// trust puts the CA into every webhook of an admission configuration.
func trust(configuration *unstructured.Unstructured, ca []byte) error {
	hooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return err
	}
	for i := range hooks {
		hook, ok := hooks[i].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: webhook %d is not an object", configuration.GetName(), i)
		}
		bundle := base64.StdEncoding.EncodeToString(ca)
		if err := unstructured.SetNestedField(hook, bundle, "clientConfig", "caBundle"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(configuration.Object, hooks, "webhooks")
}

func (c *chart) render(files ...string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, file := range files {
		more, err := c.renderFile(file)
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", file, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

func (c *chart) renderFile(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(filepath.Join(c.dir, "templates", file)) //nolint:gosec // a file of our cache
	if err != nil {
		return nil, err
	}
	root := template.New(file).Option("missingkey=zero")
	root.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var text strings.Builder
			err := root.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		"nindent": func(spaces int, text string) string {
			indent := "\n" + strings.Repeat(" ", spaces)
			return indent + strings.ReplaceAll(text, "\n", indent)
		},
		"quote": func(value any) string { return strconv.Quote(fmt.Sprint(value)) },
		"toYaml": func(value any) (string, error) {
			text, err := yaml.Marshal(value)
			return strings.TrimSuffix(string(text), "\n"), err
		},
	})
	if _, err := root.Parse(chartNames); err != nil {
		return nil, err
	}
	if _, err := root.Parse(string(content)); err != nil {
		return nil, err
	}
	var text strings.Builder
	release := map[string]any{"Name": "cert-manager", "Namespace": certManagerNamespace}
	if err := root.Execute(&text, map[string]any{"Values": c.values, "Release": release}); err != nil {
		return nil, err
	}
	return Decode([]byte(text.String()))
}
