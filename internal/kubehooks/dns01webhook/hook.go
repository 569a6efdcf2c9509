// Package dns01webhook publishes TXT records through the DNS01 webhooks that users of
// cert-manager have for their DNS service
// (https://cert-manager.io/docs/configuration/acme/dns01/webhook/): API servers that are
// reached through the Kubernetes API server's aggregation layer.
//
// The protocol has no type of record, so CNAME is not possible. Webhooks make a relative
// name out of the record's and its zone's name, and many go wrong at the apex, or remove
// all values of a name when they clean up. Therefore only names below the apex are
// published whose first label begins with an underscore: nobody else has values there.
package dns01webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	webhook "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
)

const (
	// version is that of the webhooks' API, whatever their group is.
	version = "v1alpha1"
	// challengeType is what cert-manager sends.
	challengeType = "dns-01"
	verb          = "create"
	// maxMessage is how much of a webhook's message is passed on.
	maxMessage = 256
)

// reserved are API groups in which creating an object means something else. They stand for
// all groups below them, too.
var reserved = []string{"k8s.io", "x-k8s.io", "kubernetes.io", "cert-manager.io", "reseller-issuer.io"}

// Config is which webhook to call, and with what.
type Config struct {
	// GroupName and SolverName are those of cert-manager's solvers[].dns01.webhook.
	GroupName, SolverName string
	// Settings is the JSON that the webhook gets as config; none if empty.
	Settings []byte
	// SecretNamespace is where the webhook reads the Secrets that Settings names. It must
	// be that of the issuer: whoever chooses it, chooses whose credentials are used.
	SecretNamespace string
	// AmbientCredentials allows the webhook those of its environment, as cert-manager
	// does for cluster issuers.
	AmbientCredentials bool
}

// Hook calls one webhook.
type Hook struct {
	config Config
	api    client.Client
	http   rest.Interface
	zones  kubehooks.Zones
}

var (
	_ dcv.Hook   = (*Hook)(nil)
	_ dcv.Prober = (*Hook)(nil)
)

// New checks the configuration; it makes no call.
func New(c Config, api client.Client, http rest.Interface, zones kubehooks.Zones) (*Hook, error) {
	if err := checkGroup(c.GroupName); err != nil {
		return nil, fmt.Errorf("dns01webhook: groupName %q: %w", c.GroupName, err)
	}
	if problems := validation.IsDNS1123Label(c.SolverName); len(problems) > 0 {
		return nil, fmt.Errorf("dns01webhook: solverName %q: %s", c.SolverName, problems[0])
	}
	if len(c.Settings) > 0 && !json.Valid(c.Settings) {
		return nil, errors.New("dns01webhook: config: it is not JSON")
	}
	if c.SecretNamespace == "" {
		return nil, errors.New("dns01webhook: namespace of the Secrets: it must not be empty")
	}
	return &Hook{config: c, api: api, http: http, zones: zones}, nil
}

func checkGroup(group string) error {
	if problems := validation.IsDNS1123Subdomain(group); len(problems) > 0 {
		return errors.New(problems[0])
	}
	if !strings.Contains(group, ".") {
		return errors.New("it must have a dot, as acme.example.com: groups without are Kubernetes' own")
	}
	for _, suffix := range reserved {
		if group == suffix || strings.HasSuffix(group, "."+suffix) {
			return fmt.Errorf("groups of %s are no webhooks", suffix)
		}
	}
	return nil
}

// Capabilities implements dcv.Hook.
func (h *Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT}, MultiValue: true}
}

// Probe implements dcv.Prober. It asks for the permissions and changes nothing.
func (h *Hook) Probe(ctx context.Context) error {
	allowed, err := kubehooks.Allowed(ctx, h.api, authorizationv1.ResourceAttributes{
		Verb: verb, Group: h.config.GroupName, Version: version, Resource: h.config.SolverName,
	})
	if err == nil && !allowed {
		err = h.denied()
	}
	if err != nil {
		return fmt.Errorf("dns01webhook: %w", err)
	}
	return nil
}

// denied names the rule that is missing.
func (h *Hook) denied() error {
	rule := kubehooks.Rule(h.config.GroupName, h.config.SolverName, verb)
	return fmt.Errorf("%w: bind a ClusterRole with the RBAC rule %s to the controller's service account", dcv.ErrDenied, rule)
}

// Present implements dcv.Hook.
func (h *Hook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	if err := h.call(ctx, r, webhook.ChallengeActionPresent); err != nil {
		return dcv.State{}, fmt.Errorf("dns01webhook: present %s: %w", r.Record, err)
	}
	return dcv.State{Phase: dcv.Done}, nil
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, r dcv.Request) error {
	if err := h.call(ctx, r, webhook.ChallengeActionCleanUp); err != nil {
		return fmt.Errorf("dns01webhook: clean up %s: %w", r.Record, err)
	}
	return nil
}

func (h *Hook) call(ctx context.Context, r dcv.Request, action webhook.ChallengeAction) error {
	if err := r.Record.Validate(); err != nil {
		return err
	}
	zone, err := h.zone(ctx, r.Record)
	if err != nil {
		return err
	}
	body, err := json.Marshal(h.payload(r, zone, action))
	if err != nil {
		return err
	}
	result := h.http.Post().AbsPath("apis", h.config.GroupName, version, h.config.SolverName).
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx)
	if err := result.Error(); err != nil {
		return h.explain(err)
	}
	reply, err := result.Raw()
	if err != nil {
		return h.explain(err)
	}
	return verdict(reply)
}

// zone finds the zone of a record that a webhook can be trusted with.
func (h *Hook) zone(ctx context.Context, r dcv.Record) (string, error) {
	if err := h.Capabilities().Check(r, false); err != nil {
		return "", err
	}
	if !strings.HasPrefix(r.FQDN, "_") {
		return "", fmt.Errorf("%w: DNS01 webhooks are used only for names that begin with an underscore: choose another solver or validation method", dcv.ErrUnsupported)
	}
	zone, err := h.zones.Zone(ctx, r.FQDN)
	if err != nil {
		return "", err
	}
	return zone, h.Capabilities().Check(r, zone == r.FQDN)
}

// payload has neither apiVersion nor kind, just as cert-manager sends it: the group is the
// webhook's own, and its server takes the kind from the path.
func (h *Hook) payload(r dcv.Request, zone string, action webhook.ChallengeAction) webhook.ChallengePayload {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.ID, r.Record.FQDN, r.Record.Value}, "\x00")))
	request := &webhook.ChallengeRequest{
		UID:     types.UID(hex.EncodeToString(sum[:16])),
		Action:  action,
		Type:    challengeType,
		DNSName: dcv.WildcardBase(r.DNSName), Key: r.Record.Value,
		ResourceNamespace: h.config.SecretNamespace,
		ResolvedFQDN:      r.Record.FQDN, ResolvedZone: zone,
		AllowAmbientCredentials: h.config.AmbientCredentials,
	}
	if len(h.config.Settings) > 0 {
		request.Config = &apiextensionsv1.JSON{Raw: h.config.Settings}
	}
	return webhook.ChallengePayload{Request: request}
}

// explain says what a person should do about an answer of the API server.
func (h *Hook) explain(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return h.denied()
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: the cluster has no solver %s in the API group %s: install the webhook, or correct groupName and solverName",
			dcv.ErrUnsupported, h.config.SolverName, h.config.GroupName)
	}
	if apierrors.IsServiceUnavailable(err) {
		return fmt.Errorf("the webhook can't be reached, look at the APIService %s.%s: %w", version, h.config.GroupName, err)
	}
	return fmt.Errorf("the webhook answers: %s", clip(err.Error()))
}

// verdict reads the answer of a webhook.
func verdict(reply []byte) error {
	var payload webhook.ChallengePayload
	if err := json.Unmarshal(reply, &payload); err != nil || payload.Response == nil {
		return errors.New("the webhook's answer is not that of a DNS01 webhook")
	}
	switch result := payload.Response.Result; {
	case payload.Response.Success:
		return nil
	case result == nil || result.Message == "":
		return errors.New("the webhook failed and doesn't say why: look into its log")
	default:
		return fmt.Errorf("the webhook says: %s", clip(result.Message))
	}
}

// clip keeps a foreign message short and on one line.
func clip(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}
