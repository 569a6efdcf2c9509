package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxValidity        = 199 * 24 * time.Hour
	DefaultYear               = 365 * 24 * time.Hour
	DefaultTokenTTL           = time.Hour
	DefaultValidationInterval = 30 * time.Second
	// DefaultAPIKey opens the account that exists when none is configured.
	DefaultAPIKey = "sandbox-api-key"
	// DefaultAccount is the name of that account.
	DefaultAccount = "sandbox"
)

// Account is a customer of the simulated reseller.
type Account struct {
	// Name is the login name where the vendor has one, and the name in the ledger.
	Name string `json:"name"`
	// Key is the API key or password.
	Key      string `json:"-"`
	Balance  Cents  `json:"balance"`
	Currency string `json:"currency"`
}

// Config says how the simulated reseller behaves. The zero value is a reseller with
// one account, the default catalogue, no validation and no delays.
type Config struct {
	// Now and Rand are the clock and the source of order tokens and serial numbers;
	// nil means the system's. Keys and signatures always use the system's randomness.
	Now  func() time.Time
	Rand io.Reader
	// Sleep waits for the fault "delay"; nil means a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// CA to issue from; nil makes one.
	CA       *CA
	Accounts []Account
	Products []Product
	// Validator looks at published records and files; nil takes every name as
	// validated at once.
	Validator Validator
	// ValidationInterval is the time between two looks of the CA by itself.
	ValidationInterval time.Duration
	// DCVReuse is how long a validated name needs no new proof in the same account.
	DCVReuse time.Duration
	// MaxValidity is the longest lifetime of a leaf.
	MaxValidity time.Duration
	// Year is the length of a paid year: make it short to see terms end.
	Year time.Duration
	// IssueDelay lies between the last validation and the certificate.
	IssueDelay time.Duration
	// VisibleDelay lies between an order and its appearance in lists.
	VisibleDelay time.Duration
	// TokenTTL is the lifetime of a session token.
	TokenTTL time.Duration
	// AIAURL, when set, goes into leaves as the place of the intermediate.
	AIAURL string
}

func (c Config) withDefaults() (Config, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.CA == nil {
		ca, err := NewCA(c.Now())
		if err != nil {
			return c, err
		}
		c.CA = ca
	}
	if len(c.Accounts) == 0 {
		c.Accounts = []Account{{Name: DefaultAccount, Key: DefaultAPIKey, Balance: 1_000_000, Currency: "USD"}}
	}
	if len(c.Products) == 0 {
		c.Products = DefaultProducts()
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&c.MaxValidity: DefaultMaxValidity, &c.Year: DefaultYear,
		&c.TokenTTL: DefaultTokenTTL, &c.ValidationInterval: DefaultValidationInterval,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	return c, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Engine is the simulated reseller without any wire protocol. It is safe for
// concurrent use and keeps everything in memory. Whatever only needs time to pass
// happens when it is read; looking at records and files happens in Tick.
type Engine struct {
	cfg Config

	mu        sync.Mutex
	accounts  map[string]*Account
	orders    map[string]*Order
	sequence  []string // order ids in the order of placing
	lastOrder int
	lastJob   int
	ledger    []Entry
	sessions  map[string]session
	validated map[string]time.Time // account and name
	faults    []*fault
}

type session struct {
	account string
	expires time.Time
}

// firstOrder and firstJob are one below the first numbers.
const (
	firstOrder = 100_000
	firstJob   = 9_000_000
)

// New makes a reseller without orders.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, lastOrder: firstOrder, lastJob: firstJob}
	e.Reset()
	return e, nil
}

// Reset forgets orders, ledger, sessions and faults and restores the balances.
// Order numbers go on, so that none is given twice.
func (e *Engine) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accounts = map[string]*Account{}
	for _, account := range e.cfg.Accounts {
		e.accounts[account.Name] = &account
	}
	e.orders = map[string]*Order{}
	e.sequence, e.ledger, e.faults = nil, nil, nil
	e.sessions = map[string]session{}
	e.validated = map[string]time.Time{}
}

// CA is the authority that issues.
func (e *Engine) CA() *CA { return e.cfg.CA }

// Products is the catalogue.
func (e *Engine) Products() []Product { return slices.Clone(e.cfg.Products) }

// Product finds an article of the catalogue.
func (e *Engine) Product(id string) (Product, error) {
	for _, product := range e.cfg.Products {
		if product.ID == id {
			return product, nil
		}
	}
	return Product{}, refuse(ErrProduct, "there is no product %q", id)
}

// Account tells the present state of an account.
func (e *Engine) Account(name string) (Account, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	account, ok := e.accounts[name]
	if !ok {
		return Account{}, refuse(ErrNotFound, "there is no account %q", name)
	}
	return *account, nil
}

// SetBalance gives an account another balance. It isn't a ledger entry.
func (e *Engine) SetBalance(name string, balance Cents) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	account, ok := e.accounts[name]
	if !ok {
		return refuse(ErrNotFound, "there is no account %q", name)
	}
	account.Balance = balance
	return nil
}

// AccountByKey finds the account that a key alone identifies.
func (e *Engine) AccountByKey(key string) (Account, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, account := range e.accounts {
		if key != "" && account.Key == key {
			return *account, nil
		}
	}
	return Account{}, refuse(ErrCredentials, "the API key is wrong")
}

// Login opens a session for an account and returns its token.
func (e *Engine) Login(account string) (string, error) {
	var octets [16]byte
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := io.ReadFull(e.cfg.Rand, octets[:]); err != nil {
		return "", fmt.Errorf("sandbox: make token: %w", err)
	}
	now := e.cfg.Now()
	for token, s := range e.sessions {
		if now.After(s.expires) {
			delete(e.sessions, token)
		}
	}
	token := hex.EncodeToString(octets[:])
	e.sessions[token] = session{account: account, expires: now.Add(e.cfg.TokenTTL)}
	return token, nil
}

// Session tells whose token it is.
func (e *Engine) Session(token string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.sessions[token]
	if !ok || !e.cfg.Now().Before(s.expires) {
		return "", refuse(ErrToken, "the token is unknown or has expired")
	}
	return s.account, nil
}

// ExpireTokens ends all sessions.
func (e *Engine) ExpireTokens() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.sessions)
}

func (e *Engine) nextOrderID() string {
	e.lastOrder++
	return strconv.Itoa(e.lastOrder)
}

func (e *Engine) nextJob() string {
	e.lastJob++
	return strconv.Itoa(e.lastJob)
}
