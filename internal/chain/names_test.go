package chain

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUncovered(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sans, names, want []string
	}{
		"exact":                       {sans: []string{"a.example"}, names: []string{"a.example"}},
		"case and trailing dot":       {sans: []string{"A.Example"}, names: []string{"a.EXAMPLE."}},
		"wildcard covers one label":   {sans: []string{"*.a.example"}, names: []string{"x.a.example"}},
		"wildcard covers itself":      {sans: []string{"*.a.example"}, names: []string{"*.a.example"}},
		"wildcard not its base":       {sans: []string{"*.a.example"}, names: []string{"a.example"}, want: []string{"a.example"}},
		"wildcard not two labels":     {sans: []string{"*.a.example"}, names: []string{"x.y.a.example"}, want: []string{"x.y.a.example"}},
		"wildcard not a wildcard":     {sans: []string{"*.example"}, names: []string{"*.a.example"}, want: []string{"*.a.example"}},
		"no partial wildcard":         {sans: []string{"w*.a.example"}, names: []string{"www.a.example"}, want: []string{"www.a.example"}},
		"no wildcard in the middle":   {sans: []string{"x.*.example"}, names: []string{"x.a.example"}, want: []string{"x.a.example"}},
		"plain does not cover stars":  {sans: []string{"x.a.example"}, names: []string{"*.a.example"}, want: []string{"*.a.example"}},
		"bare star covers nothing":    {sans: []string{"*", "*."}, names: []string{"localhost", "a.example"}, want: []string{"a.example", "localhost"}},
		"international":               {sans: []string{"xn--bcher-kva.example"}, names: []string{"Bücher.example"}},
		"international wildcard":      {sans: []string{"*.xn--bcher-kva.example"}, names: []string{"*.bücher.example", "a.bücher.example"}},
		"underscore":                  {sans: []string{"_a.example"}, names: []string{"_A.example"}},
		"missing are sorted, no dups": {sans: nil, names: []string{"b.example", "a.example", "B.example"}, want: []string{"a.example", "b.example"}},
		"nothing asked":               {sans: []string{"a.example"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, uncovered(tt.sans, tt.names))
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	assert.Nil(t, Names(nil))
	assert.Nil(t, Names(newCSR(t, key, "")))
	assert.Equal(t, []string{"*.b.example", "a.example", "xn--bcher-kva.example"},
		Names(newCSR(t, key, "Bücher.example", "A.example", "*.B.example.", "a.example")))
	assert.Equal(t, []string{"a.example", "my company"}, Names(newCSR(t, key, "My Company", "a.example")))
	assert.Equal(t, []string{strings.Repeat("ü", 1000)}, Names(newCSR(t, key, strings.Repeat("Ü", 1000))))
}
