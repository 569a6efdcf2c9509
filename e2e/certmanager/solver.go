package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd/server"
	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// solverGroup is the API group of the webhook, and solverName that of its only solver.
const (
	solverGroup = "acme.example.test"
	solverName  = "updates"
)

// newSolverCommand is a DNS01 webhook as people write them with cert-manager's own
// library: it sends dynamic updates to a name server, with a key that it reads from a Secret.
func newSolverCommand() *cobra.Command {
	return server.NewCommandStartWebhookServer(context.Background(), solverGroup, &solver{})
}

// solver implements webhook.Solver.
type solver struct{ kube kubernetes.Interface }

var _ webhook.Solver = (*solver)(nil)

// settings are what an issuer has as config.
type settings struct {
	Nameserver string `json:"nameserver"`
	KeyName    string `json:"keyName"`
	SecretName string `json:"secretName"`
}

// Name implements webhook.Solver.
func (s *solver) Name() string { return solverName }

// Initialize implements webhook.Solver.
func (s *solver) Initialize(config *rest.Config, _ <-chan struct{}) (err error) {
	s.kube, err = kubernetes.NewForConfig(config)
	return err
}

// Present implements webhook.Solver.
func (s *solver) Present(request *v1alpha1.ChallengeRequest) error {
	return s.update(request, func(m *dns.Msg, record dns.RR) { m.Insert([]dns.RR{record}) })
}

// CleanUp implements webhook.Solver.
func (s *solver) CleanUp(request *v1alpha1.ChallengeRequest) error {
	return s.update(request, func(m *dns.Msg, record dns.RR) { m.Remove([]dns.RR{record}) })
}

func (s *solver) update(request *v1alpha1.ChallengeRequest, change func(*dns.Msg, dns.RR)) error {
	if request.Config == nil || request.Type != "dns-01" {
		return fmt.Errorf("request without config, or of type %q", request.Type)
	}
	var c settings
	if err := json.Unmarshal(request.Config.Raw, &c); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	secret, err := s.kube.CoreV1().Secrets(request.ResourceNamespace).Get(context.Background(), c.SecretName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	m := new(dns.Msg).SetUpdate(request.ResolvedZone)
	change(m, &dns.TXT{Hdr: dns.RR_Header{Name: request.ResolvedFQDN, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{request.Key}})
	return send(m, c, string(secret.Data["secret"]))
}

// send signs an update and has it carried out.
func send(m *dns.Msg, c settings, key string) error {
	const fudge = 300
	name := dns.Fqdn(c.KeyName)
	m.SetTsig(name, dns.HmacSHA256, fudge, time.Now().Unix())
	client := dns.Client{Net: "tcp", TsigSecret: map[string]string{name: key}}
	reply, _, err := client.Exchange(m, c.Nameserver)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update: %s", dns.RcodeToString[reply.Rcode])
	}
	return nil
}
