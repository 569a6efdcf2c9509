package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// options are the command line.
type options struct {
	listen, adminListen string
	tls                 bool
	tlsHosts            []string
	tlsCert, tlsKey     string
	rootOut             string

	validation, resolver, fileDial string
	tick                           time.Duration

	account, apiKey, balance, currency string
	version                            bool

	maxValidity, year, issueDelay, visibleDelay time.Duration
	validationInterval, dcvReuse, tokenTTL      time.Duration
	aiaURL                                      string

	cyberssl   sandbox.CyberSSLOptions
	autodns    sandbox.AutoDNSOptions
	ispmanager sandbox.ISPmanagerOptions

	connectreseller sandbox.ConnectResellerOptions
	resello         sandbox.ReselloOptions
}

// The values of --validation.
const (
	validationReal = "real"
	validationSkip = "skip"
)

// usage says where the APIs are and how to log in to them.
const usage = `Usage: reseller-sandbox [flags]

Simulated resellers on one engine, each under a path of its own:
  /cyberssl/v1/          CyberSSL; apikey is --api-key
  /autodns/v1/           AutoDNS; user is --account, password is --api-key, context 9
  /ispmanager/billmgr    ISPmanager; authinfo is --account:--api-key
  /connectreseller/ConnectReseller/ESHOP
                         ConnectReseller; APIKey is --api-key, the rest are the
                         --connectreseller- flags; productCode 1 to 11 without 7
  /resello/api/v1        Resello; user is --account, password is --api-key; plans
                         are 5e110000-0000-4000-8000-0000000000 and a number, 17 to 26

`

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := pflag.NewFlagSet("reseller-sandbox", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.Usage = func() { _, _ = fmt.Fprint(stderr, usage+flags.FlagUsages()) } // there is nobody to tell
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8081", "address of the resellers' APIs")
	flags.StringVar(&o.adminListen, "admin-listen", "", "address of the admin API; by default it is served with the resellers' APIs under /admin/")
	flags.BoolVar(&o.tls, "tls", false, "serve HTTPS with a certificate of the sandbox's own CA")
	flags.StringSliceVar(&o.tlsHosts, "tls-host", []string{"localhost", "127.0.0.1", "::1"}, "names and addresses in that certificate")
	flags.StringVar(&o.tlsCert, "tls-cert-file", "", "file with another certificate to serve HTTPS with, in PEM")
	flags.StringVar(&o.tlsKey, "tls-key-file", "", "file with its key, in PEM")
	flags.StringVar(&o.rootOut, "root-out", "", "file to write the root certificate to, in PEM")
	flags.StringVar(&o.validation, "validation", validationReal, "real: look up records and files as a CA does; skip: take every name as validated")
	flags.StringVar(&o.resolver, "resolver", "", "DNS resolver host:port for validation; by default the first of /etc/resolv.conf")
	flags.StringVar(&o.fileDial, "file-dial", "", "host:port to fetch every validation file from, instead of the name being validated")
	flags.DurationVar(&o.tick, "tick", time.Second, "time between two looks for due work")
	flags.DurationVar(&o.validationInterval, "validation-interval", sandbox.DefaultValidationInterval, "time between two looks of the CA at a record or file")
	flags.DurationVar(&o.dcvReuse, "dcv-reuse", 0, "how long a validated name needs no new proof")
	flags.StringVar(&o.account, "account", sandbox.DefaultAccount, "name of the account")
	flags.StringVar(&o.apiKey, "api-key", sandbox.DefaultAPIKey, "key that opens the account")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
	flags.StringVar(&o.balance, "balance", "10000.00", "balance of the account")
	flags.StringVar(&o.currency, "currency", "USD", "currency of the account")
	flags.DurationVar(&o.maxValidity, "max-validity", sandbox.DefaultMaxValidity, "longest lifetime of a certificate")
	flags.DurationVar(&o.year, "year", sandbox.DefaultYear, "length of a paid year; make it short to see terms end")
	flags.DurationVar(&o.issueDelay, "issue-delay", 0, "time between validation and certificate")
	flags.DurationVar(&o.visibleDelay, "visible-delay", 0, "time before an order appears in lists")
	flags.DurationVar(&o.tokenTTL, "token-ttl", sandbox.DefaultTokenTTL, "lifetime of a session token")
	flags.StringVar(&o.aiaURL, "aia-url", "", "address of the intermediate to put into certificates; the sandbox serves it at "+sandbox.IntermediatePath)
	flags.BoolVar(&o.cyberssl.WrapStatus, "cyberssl-wrap-status", false, `CyberSSL: wrap the reply of order_status in "order"`)
	flags.BoolVar(&o.cyberssl.TermDates, "cyberssl-term-dates", false, "CyberSSL: let valid_from and valid_till tell the paid term")
	flags.IntVar(&o.autodns.PerSecond, "autodns-requests-per-second", 3, "AutoDNS: how many requests are taken in a second; 0 is no limit")
	flags.BoolVar(&o.autodns.OldPaths, "autodns-old-paths", false, "AutoDNS: serve prepareOrder under the path of the vendor's guide only")
	flags.BoolVar(&o.autodns.History, "autodns-history", false, "AutoDNS: tell jobs that ended in the history only")
	flags.BoolVar(&o.autodns.NoPayable, "autodns-no-payable", false, `AutoDNS: let "expire" tell the end of the paid term`)
	flags.BoolVar(&o.ispmanager.Wrapped, "ispmanager-wrapped", false, "ISPmanager: answer in the shape of out=json whatever is asked for")
	flags.BoolVar(&o.ispmanager.ListStatus, "ispmanager-list-status", false, "ISPmanager: tell the states of an order in the list only")
	flags.BoolVar(&o.ispmanager.ZIP, "ispmanager-zip", false, "ISPmanager: deliver certificates in a ZIP archive")
	flags.BoolVar(&o.ispmanager.PKCS7, "ispmanager-pkcs7", false, "ISPmanager: deliver certificates as PKCS#7")
	addLateFlags(flags, &o)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, o.check(flags.Args())
}

// addLateFlags are those of ConnectReseller and Resello.
func addLateFlags(flags *pflag.FlagSet, o *options) {
	connect, resello := &o.connectreseller, &o.resello
	flags.IntVar(&connect.ResellerID, "connectreseller-reseller-id", sandbox.ConnectResellerID, "ConnectReseller: number of the reseller account")
	flags.IntVar(&connect.CustomerID, "connectreseller-customer-id", sandbox.ConnectResellerCustomer, "ConnectReseller: number of the customer")
	flags.StringVar(&connect.Passphrase, "connectreseller-passphrase", sandbox.ConnectResellerPassphrase, "ConnectReseller: passphrase of the encryption")
	flags.StringVar(&connect.Salt, "connectreseller-salt", sandbox.ConnectResellerSalt, "ConnectReseller: salt of the encryption, in hex")
	flags.StringVar(&connect.IV, "connectreseller-iv", sandbox.ConnectResellerIV, "ConnectReseller: initialisation vector of the encryption, in hex")
	flags.BoolVar(&connect.NoRecord, "connectreseller-no-record", false, "ConnectReseller: never tell a validation record in SSLDetails")
	flags.BoolVar(&resello.Sparse, "resello-sparse", false, "Resello: tell nothing but id and status of a certificate")
	flags.BoolVar(&resello.ZoneLines, "resello-zone-lines", false, "Resello: tell records as lines of a zone file")
	flags.BoolVar(&resello.NoDetails, "resello-no-details", false, "Resello: tell no validation data; they can be computed from the CSR")
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.validation != validationReal && o.validation != validationSkip:
		return fmt.Errorf("--validation is %q, it must be real or skip", o.validation)
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return fmt.Errorf("--tls-cert-file and --tls-key-file: both must be set, or none")
	case o.tick <= 0:
		return fmt.Errorf("--tick must be positive")
	case o.apiKey == "":
		return fmt.Errorf("--api-key must not be empty")
	default:
		return nil
	}
}

func (o options) serveTLS() bool { return o.tls || o.tlsCert != "" }

// config is the engine's configuration.
func (o options) config() (sandbox.Config, error) {
	balance, err := sandbox.ParseCents(o.balance)
	if err != nil {
		return sandbox.Config{}, fmt.Errorf("--balance: %w", err)
	}
	cfg := sandbox.Config{
		Accounts:    []sandbox.Account{{Name: o.account, Key: o.apiKey, Balance: balance, Currency: o.currency}},
		MaxValidity: o.maxValidity, Year: o.year, IssueDelay: o.issueDelay, VisibleDelay: o.visibleDelay,
		ValidationInterval: o.validationInterval, DCVReuse: o.dcvReuse, TokenTTL: o.tokenTTL, AIAURL: o.aiaURL,
	}
	if o.validation == validationReal {
		validator, err := sandbox.NewNetworkValidator(o.resolver, o.fileDial)
		if err != nil {
			return sandbox.Config{}, err
		}
		cfg.Validator = validator
	}
	return cfg, nil
}
