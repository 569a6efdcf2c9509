package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// RESTConfig returns a copy of the administrator's client configuration. It has
// no client-side rate limit.
func (c *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// WriteKubeconfig writes the administrator's kubeconfig, for kubectl.
func (c *ControlPlane) WriteKubeconfig(path string) error {
	user := clientcmdapi.NewAuthInfo()
	user.ClientCertificateData = c.config.CertData
	user.ClientKeyData = c.config.KeyData
	return c.writeKubeconfig(path, metav1.NamespaceDefault, user)
}

// ServiceAccountConfig writes a kubeconfig with a fresh token of the service
// account, good for 30 days, and returns its path; the file goes away with
// Stop. Namespace and account are created where they are missing; the account's
// permissions are what RBAC grants it.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (string, error) {
	token, err := c.serviceAccountToken(ctx, namespace, name)
	if err != nil {
		return "", fmt.Errorf("controlplane: service account %s/%s: %w", namespace, name, err)
	}
	user := clientcmdapi.NewAuthInfo()
	user.Token = token
	path := filepath.Join(c.dir, namespace+"-"+name+".kubeconfig")
	return path, c.writeKubeconfig(path, namespace, user)
}

func (c *ControlPlane) serviceAccountToken(ctx context.Context, namespace, name string) (string, error) {
	_, err := c.kube.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	accounts := c.kube.CoreV1().ServiceAccounts(namespace)
	_, err = accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", err
	}
	seconds := int64(lifetime.Seconds())
	request, err := accounts.CreateToken(ctx, name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

func (c *ControlPlane) writeKubeconfig(path, namespace string, user *clientcmdapi.AuthInfo) error {
	const name = "reseller-issuer-e2e"
	config := clientcmdapi.NewConfig()
	cluster := clientcmdapi.NewCluster()
	cluster.Server = c.config.Host
	cluster.CertificateAuthorityData = c.config.CAData
	config.Clusters[name] = cluster
	config.AuthInfos[name] = user
	kubeContext := clientcmdapi.NewContext()
	kubeContext.Cluster, kubeContext.AuthInfo, kubeContext.Namespace = name, name, namespace
	config.Contexts[name] = kubeContext
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("controlplane: kubeconfig: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("controlplane: kubeconfig: %w", err)
	}
	return nil
}
