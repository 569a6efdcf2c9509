package sandbox

import (
	"fmt"
	"strconv"
	"strings"
)

// Cents is an amount of money in hundredths of its currency's unit.
type Cents int64

// ParseCents reads a decimal amount with at most two decimals, such as "12" or
// "12.50".
func ParseCents(text string) (Cents, error) {
	digits, negative := strings.CutPrefix(text, "-")
	units, fraction, _ := strings.Cut(digits, ".")
	if len(fraction) > 2 {
		return 0, fmt.Errorf("sandbox: amount %q has more than two decimals", text)
	}
	number, err := strconv.ParseUint(units+(fraction + "00")[:2], 10, 62)
	if err != nil || units == "" {
		return 0, fmt.Errorf("sandbox: amount %q is not a decimal number", text)
	}
	if negative {
		return -Cents(number), nil
	}
	return Cents(number), nil
}

// String is the amount with two decimals.
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, int64(c/100), int64(c%100))
}

// MarshalText writes the amount as a decimal number with two decimals.
func (c Cents) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what ParseCents reads.
func (c *Cents) UnmarshalText(text []byte) error {
	amount, err := ParseCents(string(text))
	if err != nil {
		return err
	}
	*c = amount
	return nil
}
