package v1alpha1

// PurchaseResolution is a person's word on a purchase that the controller can't go on
// with. It is used once.
// +kubebuilder:validation:XValidation:rule="[has(self.orderIDs), has(self.absent), has(self.givenUp)].exists_one(x, x)",message="exactly one of orderIDs, absent, givenUp must be set"
type PurchaseResolution struct {
	// OrderIDs adopts the order with these identifiers, after it was read back and found
	// to match. Those that the purchase already has accept what somebody else did to the
	// order, such as a reissue in the reseller's panel.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	OrderIDs []OrderID `json:"orderIDs,omitempty"`
	// Absent states that nothing was paid, because the reseller has no such order or has
	// given the money back: "Confirmed". It no longer counts in the budgets, and the names
	// may be bought again.
	// +optional
	// +kubebuilder:validation:Enum=Confirmed
	Absent string `json:"absent,omitempty"`
	// GivenUp states that the money is spent and the order isn't to be used any more:
	// "Confirmed". It counts in the budgets, and the names may be bought again.
	// +optional
	// +kubebuilder:validation:Enum=Confirmed
	GivenUp string `json:"givenUp,omitempty"`
	// By is who decided, for the records.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	By string `json:"by,omitempty"`
}
