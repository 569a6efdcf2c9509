package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// options are the command line. Each flag can be set by an environment variable instead,
// such as DCV_HOOK_TOKEN_FILE for --token-file.
type options struct {
	listen    string
	config    string
	tokenFile string
	certFile  string
	keyFile   string
	version   bool
}

const environmentPrefix = "DCV_HOOK_"

// parse reads flags and environment; its errors name the flag.
func parse(args []string, getenv func(string) string) (options, error) {
	var o options
	f := flag.NewFlagSet("dcv-hook-libdns", flag.ContinueOnError)
	f.StringVar(&o.listen, "listen", ":8443", "address to listen at")
	f.StringVar(&o.config, "config", "/etc/dcv-hook/config.yaml", "file with the accounts and zones")
	f.StringVar(&o.tokenFile, "token-file", "/etc/dcv-hook/token", "file with the bearer token that callers must have")
	f.StringVar(&o.certFile, "tls-cert-file", "", "file with the certificate chain, read again when it changes")
	f.StringVar(&o.keyFile, "tls-key-file", "", "file with the certificate's private key")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	var problems []error
	f.VisitAll(func(each *flag.Flag) {
		variable := environmentPrefix + strings.ToUpper(strings.ReplaceAll(each.Name, "-", "_"))
		if value := getenv(variable); value != "" {
			if err := each.Value.Set(value); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", variable, err))
			}
		}
	})
	if err := errors.Join(problems...); err != nil {
		return options{}, err
	}
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if o.version {
		return o, nil
	}
	return o, o.check(f.Args())
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case (o.certFile == "") != (o.keyFile == ""):
		return errors.New("--tls-cert-file and --tls-key-file: want both or none")
	case o.certFile == "" && !loopback(o.listen):
		return errors.New("--tls-cert-file: it is needed unless --listen is an address of this machine only, such as 127.0.0.1:8080")
	}
	if o.certFile != "" {
		if _, err := tls.LoadX509KeyPair(o.certFile, o.keyFile); err != nil {
			return fmt.Errorf("--tls-cert-file, --tls-key-file: %w", err)
		}
	}
	token, err := fileToken(o.tokenFile)()
	switch {
	case err != nil:
		return fmt.Errorf("--token-file: %w", err)
	case len(token.Reveal()) < minToken:
		return fmt.Errorf("--token-file: %s: want at least %d characters, for example from openssl rand -hex 32", o.tokenFile, minToken)
	}
	return nil
}

// minToken keeps tokens from being guessed.
const minToken = 16

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// certificate is nil where none is set.
func (o options) certificate() *keyFiles {
	if o.certFile == "" {
		return nil
	}
	return &keyFiles{cert: o.certFile, key: o.keyFile}
}

// keyFiles is a certificate in files that are replaced when it is renewed.
type keyFiles struct {
	cert, key string

	mu       sync.Mutex
	modified time.Time
	loaded   *tls.Certificate
}

func (k *keyFiles) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.get}
}

// get reads the files again after they have changed. While they can't be read, the last
// certificate is used.
func (k *keyFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.cert)
	if err == nil && (k.loaded == nil || !info.ModTime().Equal(k.modified)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.cert, k.key); err == nil {
			k.loaded, k.modified = &pair, info.ModTime()
		}
	}
	if k.loaded == nil {
		return nil, err
	}
	return k.loaded, nil
}
