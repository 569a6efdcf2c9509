package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// acceptTable asks the API server for the columns that kubectl prints.
const acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

// Table returns objects of this project's API as `kubectl get RESOURCE
// --namespace NAMESPACE` gets them; the namespace is empty for cluster-wide kinds.
func (l *Lab) Table(ctx context.Context, namespace, resource string) (*metav1.Table, error) {
	clients, err := kubernetes.NewForConfig(l.plane.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("lab: table: %w", err)
	}
	path := []string{"apis", "reseller-issuer.io", "v1alpha1"}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	content, err := clients.CoreV1().RESTClient().Get().AbsPath(append(path, resource)...).
		SetHeader("Accept", acceptTable).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("lab: table of %s: %w", resource, err)
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(content, table); err != nil {
		return nil, fmt.Errorf("lab: table of %s: %w", resource, err)
	}
	return table, nil
}

// PrintTable prints the columns that kubectl shows without --output=wide.
func PrintTable(w io.Writer, table *metav1.Table) error {
	lines := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	var titles []string
	for _, column := range table.ColumnDefinitions {
		if column.Priority == 0 {
			titles = append(titles, strings.ToUpper(column.Name))
		}
	}
	if _, err := fmt.Fprintln(lines, strings.Join(titles, "\t")); err != nil {
		return err
	}
	for _, row := range table.Rows {
		var cells []string
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 0 {
				cells = append(cells, fmt.Sprint(row.Cells[i]))
			}
		}
		if _, err := fmt.Fprintln(lines, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return lines.Flush()
}
