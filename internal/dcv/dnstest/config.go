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

// The loopback addresses that every machine's interface has.
const (
	defaultHost = "127.0.0.1"
	ipv6Host    = "::1"
)

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
	listen-on port {{.Port}} { {{if .IPv6}}none{{else}}{{.Host}}{{end}}; };
	listen-on-v6 port {{.Port}} { {{if .IPv6}}{{.Host}}{{else}}none{{end}}; };
	pid-file none;
	session-keyfile none;
	{{- if .Resolves}}
	recursion yes;
	dnssec-validation yes;
	empty-zones-enable no;
	forward only;
	forwarders { {{.Resolves.Host}} port {{.Resolves.Port}}; };
	{{- else}}
	recursion no;
	dnssec-validation no;
	{{- end}}
	notify no;
	allow-transfer { any; };
	allow-query { any; };
	minimal-responses no;
	tcp-clients 400;
};
controls { };
key "{{.Key.Name}}" { algorithm {{.Key.Algorithm}}; secret "{{.Key.Secret}}"; };
{{if .Resolves}}trust-anchors { {{range .TrustAnchors}}{{.}}; {{end}}};
{{else}}zone "." { type primary; file "root.zone"; };
{{end}}{{range .Zones}}zone "{{.Name}}" {
	{{- if $.PrimaryAddr}}
	type secondary;
	primaries { {{$.Primary.Host}} port {{$.Primary.Port}}; };
	allow-notify { any; };
	file "{{.Name}}secondary";
	{{- else}}
	type primary;
	file "{{.Name}}zone";
	{{- if .Static}}
	{{- else}}
	update-policy { {{range .Policy}}{{.}}; {{end}}};
	{{- end}}
	{{- if .Signed}}
	dnssec-policy default;
	{{- end}}
	{{- end}}
};
{{end}}`))

type configData struct {
	Options
	// Primary and Resolves are other servers, nil if there are none.
	Primary, Resolves *hostAndPort
	IPv6              bool
}

type hostAndPort struct{ Host, Port string }

// Signed and Static are for the template.
func (z ZoneSpec) Signed() bool { return z.DNSSEC == Signed }

// Static is true for zones that nobody may change.
func (z ZoneSpec) Static() bool { return z.DNSSEC == Expired }

func split(addr string) (*hostAndPort, error) {
	if addr == "" {
		return nil, nil //nolint:nilnil // no address is no server
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	return &hostAndPort{host, port}, nil
}

func writeConfig(ctx context.Context, dir string, o Options) error {
	data := configData{Options: o, IPv6: o.Host == ipv6Host}
	data.Dir, data.Zones = dir, nil
	var err error
	if data.Primary, err = split(o.PrimaryAddr); err != nil {
		return err
	}
	if data.Resolves, err = split(o.ForwardTo); err != nil {
		return err
	}
	for _, z := range o.Zones {
		z.Name = dns.CanonicalName(z.Name)
		if len(z.Policy) == 0 {
			z.Policy = []string{fmt.Sprintf("grant %q zonesub TXT", o.Key.Name), fmt.Sprintf("grant %q zonesub CNAME", o.Key.Name)}
		}
		data.Zones = append(data.Zones, z)
		if err := write(dir, z.Name+"zone", zoneFile(z, o.Host)); err != nil {
			return err
		}
		if z.DNSSEC == Expired {
			if err := signExpired(ctx, dir, z.Name); err != nil {
				return err
			}
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
	return fmt.Sprintf("$TTL 60\n. SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60\n. NS ns.invalid.\nns.invalid. %s %s\n", addressType(host), host)
}

func zoneFile(z ZoneSpec, host string) string {
	servers := z.Nameservers
	if len(servers) == 0 {
		servers = []string{host}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n", z.Name)
	for i, addr := range servers {
		fmt.Fprintf(&b, "@ NS ns%d\nns%d %s %s\n", i+1, i+1, addressType(addr), addr)
	}
	for _, line := range z.Records {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func addressType(addr string) string {
	if strings.Contains(addr, ":") {
		return "AAAA"
	}
	return "A"
}

func write(dir, name, content string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	return nil
}
