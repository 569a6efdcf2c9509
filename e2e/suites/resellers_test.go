package suites

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// resellerCase is a reseller as its issuer names it.
type resellerCase struct {
	path    string
	secret  map[string]string
	product v1alpha1.Product
	make    func(v1alpha1.ResellerAccess) v1alpha1.Reseller
	// reissue is the issuer's policy. Resello's reissue ends the certificate in use, so
	// that it has to be asked for.
	reissue v1alpha1.ReissuePolicy
}

func resellers() map[string]resellerCase {
	return map[string]resellerCase{
		"autodns": {
			path: "/autodns/v1", secret: map[string]string{"user": sandbox.DefaultAccount, "password": sandbox.DefaultAPIKey},
			product: v1alpha1.Product{ID: "POSITIVESSL", IncludedWWW: v1alpha1.Supported, Methods: []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME}},
			make: func(a v1alpha1.ResellerAccess) v1alpha1.Reseller {
				return v1alpha1.Reseller{AutoDNS: &v1alpha1.AutoDNS{ResellerAccess: a}}
			},
		},
		"connectreseller": {
			path: "/connectreseller/ConnectReseller/ESHOP",
			secret: map[string]string{
				"apiKey": sandbox.DefaultAPIKey, "passphrase": sandbox.ConnectResellerPassphrase,
				"salt": sandbox.ConnectResellerSalt, "iv": sandbox.ConnectResellerIV,
			},
			product: v1alpha1.Product{ID: "5", ECDSA: v1alpha1.Supported},
			make: func(a v1alpha1.ResellerAccess) v1alpha1.Reseller {
				return v1alpha1.Reseller{ConnectReseller: &v1alpha1.ConnectReseller{
					ResellerAccess: a, ResellerID: sandbox.ConnectResellerID, CustomerID: sandbox.ConnectResellerCustomer,
				}}
			},
		},
		"ispmanager": {
			path: "/ispmanager/billmgr", secret: map[string]string{"email": sandbox.DefaultAccount, "password": sandbox.DefaultAPIKey},
			product: v1alpha1.Product{ID: "17", IncludedWWW: v1alpha1.Supported, ECDSA: v1alpha1.Supported},
			make: func(a v1alpha1.ResellerAccess) v1alpha1.Reseller {
				return v1alpha1.Reseller{ISPmanager: &v1alpha1.ISPmanager{ResellerAccess: a}}
			},
		},
		"resello": {
			path: "/resello/api/v1", secret: map[string]string{"username": sandbox.DefaultAccount, "apiKey": sandbox.DefaultAPIKey},
			product: v1alpha1.Product{ID: sandbox.ReselloPlan("17"), IncludedWWW: v1alpha1.Supported, ECDSA: v1alpha1.Supported},
			make: func(a v1alpha1.ResellerAccess) v1alpha1.Reseller {
				return v1alpha1.Reseller{Resello: &v1alpha1.Resello{ResellerAccess: a}}
			},
			reissue: v1alpha1.ReissueAlways,
		},
	}
}

// TestResellers has every reseller but CyberSSL, which all other tests use, supply a
// Certificate and renew it under the paid term.
func TestResellers(t *testing.T) {
	t.Parallel()
	for name, reseller := range resellers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "login"}, StringData: reseller.secret})
			spec := s.settings(productSingle)
			spec.Reseller = reseller.make(v1alpha1.ResellerAccess{
				Endpoint:             world.ResellerURL() + reseller.path,
				CredentialsSecretRef: v1alpha1.SecretReference{Name: "login"},
				Product:              reseller.product,
			})
			spec.Purchase.Reissue = reseller.reissue
			spec.RateLimit = nil // some resellers refuse what comes faster
			issuer := s.issuer(spec)
			certificate := s.certificate("site", issuer, s.domain)
			first := s.obtain(certificate)
			second := s.renew(certificate)
			assert.NotEqual(t, first.SerialNumber, second.SerialNumber)
			assert.NotEqual(t, first.PublicKey, second.PublicKey)
			s.servedByOnePurchase(certificate, 2)
			s.awaitNoRecords()
		})
	}
}
