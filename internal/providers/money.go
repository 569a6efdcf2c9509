package providers

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Money is an amount in a currency. Amounts of different currencies can't be
// compared or added.
type Money struct {
	Amount decimal.Decimal
	// Currency is an ISO 4217 code, or empty where the reseller doesn't tell.
	Currency string
}

// ParseMoney reads a plain decimal number such as "5.20".
func ParseMoney(amount, currency string) (Money, error) {
	d, err := decimal.NewFromString(amount)
	if err != nil {
		return Money{}, fmt.Errorf("amount %q is not a decimal number", amount)
	}
	if d.Exponent() > 12 || d.Exponent() < -12 {
		return Money{}, fmt.Errorf("amount %q has too many digits", amount)
	}
	return Money{Amount: d, Currency: currency}, nil
}

// String is the amount with at least two decimals and its currency, "5.20 EUR".
func (m Money) String() string {
	text := m.Amount.StringFixed(max(2, -m.Amount.Exponent()))
	if m.Currency == "" {
		return text
	}
	return text + " " + m.Currency
}
