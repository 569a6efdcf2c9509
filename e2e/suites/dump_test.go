package suites

import (
	"context"
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// dump says how a failed test has left its namespace, and what the controller
// has logged about it.
func (s *scene) dump() {
	ctx := context.WithoutCancel(s.t.Context())
	var text strings.Builder
	for _, list := range []client.ObjectList{
		&v1alpha1.ResellerIssuerList{}, &v1alpha1.ResellerOrderList{}, &cmapi.CertificateList{},
		&cmapi.CertificateRequestList{}, &corev1.EventList{},
	} {
		if err := s.c.List(ctx, list, client.InNamespace(s.namespace)); err != nil {
			fmt.Fprintln(&text, err)
			continue
		}
		summarise(&text, list)
	}
	log, err := world.Log()
	if err != nil {
		fmt.Fprintln(&text, err)
	}
	if !world.Running() {
		text.WriteString("the controller is not running\n")
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, s.namespace) {
			text.WriteString(line)
		}
	}
	s.t.Log("\n" + text.String())
}

func summarise(w *strings.Builder, list client.ObjectList) {
	switch list := list.(type) {
	case *v1alpha1.ResellerIssuerList:
		for _, i := range list.Items {
			fmt.Fprintf(w, "issuer %s: %+v\n", i.Name, i.Status.Conditions)
		}
	case *v1alpha1.ResellerOrderList:
		for _, o := range list.Items {
			fmt.Fprintf(w, "order %s: %s: %s\n  %+v\n", o.Name, o.Status.State, o.Status.Message, o.Status.Conditions)
		}
	case *cmapi.CertificateList:
		for _, c := range list.Items {
			fmt.Fprintf(w, "certificate %s: %+v\n", c.Name, c.Status.Conditions)
		}
	case *cmapi.CertificateRequestList:
		for _, r := range list.Items {
			fmt.Fprintf(w, "request %s: %+v\n", r.Name, r.Status.Conditions)
		}
	case *corev1.EventList:
		for _, e := range list.Items {
			fmt.Fprintf(w, "event %s %s/%s %s: %s\n", e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
}
