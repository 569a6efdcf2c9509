package dnstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/miekg/dns"
)

// defaultHost is the loopback address that every machine has.
const defaultHost = "127.0.0.1"

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// complete fills in the defaults.
func (o Options) complete(ctx context.Context) (Options, error) {
	if o.Host == "" {
		o.Host = defaultHost
	}
	if ip := net.ParseIP(o.Host); ip == nil || !ip.IsLoopback() {
		return o, fmt.Errorf("dnstest: %q is not a loopback address", o.Host)
	}
	if o.Key == (Key{}) {
		o.Key = NewKey("dcv")
	}
	if o.Key.Algorithm == "" {
		o.Key.Algorithm = "hmac-sha256"
	}
	if o.Port != 0 {
		return o, nil
	}
	port, err := freePort(ctx, o.Host)
	o.Port = port
	return o, err
}

// freePort finds a port that is free for both protocols. Another process may
// take it before named does, which then fails to start.
func freePort(ctx context.Context, host string) (int, error) {
	packet, stream, err := listen(ctx, host, 0)
	if err != nil {
		return 0, err
	}
	port := portOf(stream.Addr().String())
	if err := errors.Join(stream.Close(), packet.Close()); err != nil {
		return 0, fmt.Errorf("dnstest: %w", err)
	}
	return port, nil
}

// portOf is the port of an address that comes from the kernel.
func portOf(addr string) int {
	return int(netip.MustParseAddrPort(addr).Port())
}

// The root zone makes names outside the zones NXDOMAIN instead of REFUSED. With
// notify off a secondary lags until it is told.
var configTemplate = template.Must(template.New("named.conf").Parse(`options {
	directory "{{.Dir}}";
	listen-on port {{.Port}} { {{.Host}}; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	notify no;
	allow-transfer { any; };
	allow-query { any; };
	minimal-responses no;
	tcp-clients 400;
};
controls { };
key "{{.Key.Name}}" { algorithm {{.Key.Algorithm}}; secret "{{.Key.Secret}}"; };
zone "." { type primary; file "root.zone"; };
{{range .Zones}}zone "{{.Name}}" {
	{{- if $.PrimaryAddr}}
	type secondary;
	primaries { {{$.PrimaryHost}} port {{$.PrimaryPort}}; };
	allow-notify { any; };
	file "{{.Name}}secondary";
	{{- else}}
	type primary;
	file "{{.Name}}zone";
	update-policy { {{range .Policy}}{{.}}; {{end}}};
	{{- end}}
};
{{end}}`))

type configData struct {
	Options
	PrimaryHost, PrimaryPort string
}

func writeConfig(dir string, o Options) error {
	data := configData{Options: o}
	data.Dir, data.Zones = dir, nil
	for _, z := range o.Zones {
		z.Name = dns.CanonicalName(z.Name)
		if len(z.Policy) == 0 {
			z.Policy = []string{fmt.Sprintf("grant %q zonesub TXT", o.Key.Name), fmt.Sprintf("grant %q zonesub CNAME", o.Key.Name)}
		}
		data.Zones = append(data.Zones, z)
		if err := write(dir, z.Name+"zone", zoneFile(z, o.Host)); err != nil {
			return err
		}
	}
	if o.PrimaryAddr != "" {
		var err error
		if data.PrimaryHost, data.PrimaryPort, err = net.SplitHostPort(o.PrimaryAddr); err != nil {
			return fmt.Errorf("dnstest: %w", err)
		}
	}
	if err := write(dir, "root.zone", rootZone(o.Host)); err != nil {
		return err
	}
	var conf strings.Builder
	if err := configTemplate.Execute(&conf, data); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	return write(dir, "named.conf", conf.String())
}

func rootZone(host string) string {
	return fmt.Sprintf("$TTL 60\n. SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60\n. NS ns.invalid.\nns.invalid. A %s\n", host)
}

func zoneFile(z ZoneSpec, host string) string {
	servers := z.Nameservers
	if len(servers) == 0 {
		servers = []string{host}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n", z.Name)
	for i, addr := range servers {
		fmt.Fprintf(&b, "@ NS ns%d\nns%d A %s\n", i+1, i+1, addr)
	}
	for _, line := range z.Records {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func write(dir, name, content string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	return nil
}
