package providertest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// Product is a sort of product that a scenario buys.
type Product string

// The sorts of products.
const (
	SingleName   Product = "single name"
	SeveralNames Product = "several names"
	Wildcard     Product = "wildcard"
	// NoProduct is an identifier that the reseller doesn't know.
	NoProduct Product = "unknown"
)

// Setup is what a provider is to be made of.
type Setup struct {
	// Endpoint is the base URL of the simulated reseller.
	Endpoint string
	// Client may call loopback addresses.
	Client *http.Client
	// Now is the clock of provider and reseller.
	Now func() time.Time
	// Key is the account's API key or password.
	Key     providers.Secret
	Product Product
	Method  providers.Method
}

// Reseller tells the kit about one provider.
type Reseller struct {
	// Name of the reseller.
	Name string
	// Protocol serves the simulated reseller in the vendor's way.
	Protocol func(*sandbox.Engine) sandbox.Protocol
	// Path is the path of the endpoint at the simulated reseller.
	Path string
	// New makes the provider under test.
	New func(Setup) (providers.Provider, error)
	// Methods are the validation methods that the reseller has for some product. The first
	// is used where a scenario isn't about methods.
	Methods []providers.Method
	// Products are the sorts of products that the reseller has; SingleName is required.
	Products []Product
	// TwoSteps is true if every purchase needs a second step, Enrol, that brings the CSR.
	TwoSteps bool
	// Resolve gives the identifiers that a person would read off the vendor's panel for an
	// order of the sandbox, for resellers where Find can't settle everything.
	Resolve func(order string) providers.IDs
	// FilesAtMainDomains is true if MethodFile isn't offered for sub-domains.
	FilesAtMainDomains bool
	// RenewClass is the class of operations by which the vendor renews, sandbox.ClassRenew
	// if empty.
	RenewClass string
	// Credentials finds what is secret in a request, so that the kit can look for it in
	// errors. The form of a POST is parsed.
	Credentials func(*http.Request) []string
}

// scenario is one row of the table.
type scenario struct {
	method    providers.Method
	operation string
	// needs tells whether the provider offers what the scenario is about; nil means
	// that every provider does.
	needs func(providers.Provider) bool
	run   func(*lab)
}

// Run runs all scenarios and prints the table.
func Run(t *testing.T, reseller Reseller) {
	t.Helper()
	var table table
	t.Cleanup(func() { table.write(t.Output()) })
	for _, s := range scenarios(reseller) {
		row := table.add(reseller.Name, s)
		t.Run(row.title(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, reseller, s.method)
			if s.needs != nil && !s.needs(l.provider(SingleName)) {
				row.set("not offered")
				return
			}
			defer func() {
				if !t.Failed() {
					row.set("passed")
				}
			}()
			s.run(l)
		})
	}
}

// scenarios of a reseller: issuance for each method, everything else once.
func scenarios(reseller Reseller) []scenario {
	var all []scenario
	for _, method := range reseller.Methods {
		all = append(all, issuances(method)...)
	}
	once := [][]scenario{products(reseller), accounts(), changes(), endings(), lost(reseller), refusals(), outages(), certificates(), intents(reseller)}
	for _, group := range once {
		for _, s := range group {
			if s.method == "" {
				s.method = reseller.Methods[0]
			}
			all = append(all, s)
		}
	}
	return all
}

// offers reports whether a provider implements T.
func offers[T any](p providers.Provider) bool {
	_, ok := p.(T)
	return ok
}

// table collects the rows; scenarios run at the same time.
type table struct{ rows []*row }

type row struct {
	reseller, operation string
	method              providers.Method

	mu     sync.Mutex
	result string
}

func (t *table) add(reseller string, s scenario) *row {
	r := &row{reseller: reseller, method: s.method, operation: s.operation, result: "FAILED"}
	t.rows = append(t.rows, r)
	return r
}

func (r *row) set(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = result
}

func (r *row) title() string { return string(r.method) + " " + r.operation }

func (t *table) write(w io.Writer) {
	var text strings.Builder
	text.WriteString("| reseller | method | operation | result |\n|---|---|---|---|\n")
	for _, r := range t.rows {
		r.mu.Lock()
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", r.reseller, r.method, r.operation, r.result)
		r.mu.Unlock()
	}
	_, _ = io.WriteString(w, text.String()) // the test's own output
}
