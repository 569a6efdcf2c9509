package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: "reseller-issuer.io", Version: "v1alpha1"}

// AddToScheme registers this package's types.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ResellerIssuer{}, &ResellerIssuerList{},
		&ResellerClusterIssuer{}, &ResellerClusterIssuerList{},
		&ResellerOrder{}, &ResellerOrderList{},
		&ResellerPurchase{}, &ResellerPurchaseList{},
		&ResellerQuery{}, &ResellerQueryList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
