package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// app is what all verbs share.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	clock       clock.Clock
	// newID makes the id of a request.
	newID func() string

	// connect makes the client and tells the namespace of the kubeconfig's context.
	connect func() (client.WithWatch, string, error)

	client    client.WithWatch
	namespace string

	output        string
	allNamespaces bool
	yes           bool
	timeout       time.Duration
}

// newRoot is the whole command.
func newRoot(in io.Reader, out, errOut io.Writer) *cobra.Command {
	config := kubeconfig{overrides: &clientcmd.ConfigOverrides{}}
	a := &app{in: in, out: out, errOut: errOut, clock: clock.RealClock{}, newID: func() string { return string(uuid.NewUUID()) }, connect: config.connect}
	root := a.command()
	flags := root.PersistentFlags()
	flags.StringVar(&config.path, "kubeconfig", "", "path of the kubeconfig; by default $KUBECONFIG or ~/.kube/config")
	clientcmd.BindOverrideFlags(config.overrides, flags, clientcmd.RecommendedConfigOverrideFlags(""))
	return root
}

// command is the tree of verbs, without the flags of the connection.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-reseller",
		Short: "See and steer what reseller-issuer buys",
		Long: `See and steer what reseller-issuer buys.

Nothing here calls a reseller: what costs or destroys is written as a request into the
cluster, for those who may, and the controller carries it out and answers.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the answer is no, 4 not confirmed.`,
		Version:           version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl reseller"},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return coded{exitUsage, err} })
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "", "json or yaml instead of a table")
	root.AddCommand(a.verbs()...)
	return root
}

// verbs in the order of the help.
func (a *app) verbs() []*cobra.Command {
	return slices.Concat(
		[]*cobra.Command{a.orders(), a.describe(), a.spend()},
		a.queries(), a.orderVerbs(), a.purchaseVerbs(),
	)
}

// prepare checks the common flags and connects.
func (a *app) prepare(cmd *cobra.Command) error {
	switch a.output {
	case "", outputJSON, outputYAML:
	default:
		return usage("--output: %q: want json or yaml", a.output)
	}
	if !needsCluster(cmd) {
		return nil
	}
	var err error
	a.client, a.namespace, err = a.connect()
	return err
}

// needsCluster is false for completion and help.
func needsCluster(cmd *cobra.Command) bool {
	for c := cmd; c != nil; c = c.Parent() {
		if c.Name() == "completion" || c.Name() == "help" {
			return false
		}
	}
	return true
}

// kubeconfig is how to reach the cluster, as kubectl does.
type kubeconfig struct {
	path      string
	overrides *clientcmd.ConfigOverrides
}

func (k *kubeconfig) connect() (client.WithWatch, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.path
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, k.overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	config.UserAgent = "kubectl-reseller/" + version
	scheme, err := newScheme()
	if err != nil {
		return nil, "", err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, "", fmt.Errorf("connect: %w", err)
	}
	return c, namespace, nil
}

// newScheme knows the kinds that the plug-in reads or writes.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		authenticationv1.AddToScheme, corev1.AddToScheme, eventsv1.AddToScheme, cmapi.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}
