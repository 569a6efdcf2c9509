package dnstest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/miekg/dns"
)

// Software is a kind of name server.
type Software string

// The kinds of name servers. Knot is a primary only, and its key may always change TXT and
// CNAME records everywhere.
const (
	BIND Software = ""
	Knot Software = "knot"
)

// ErrNotInstalled is wrapped where a name server is not installed.
var ErrNotInstalled = errors.New("is not installed")

// program is the name of the executable, and the package of Debian that it is in.
func (s Software) program() string {
	if s == Knot {
		return "knotd"
	}
	return "named"
}

func (s Software) find() (string, error) { return s.findIn("", "/usr/sbin") }

// findIn looks in directories, of which "" is those of PATH. Debian puts daemons where not
// every PATH looks.
func (s Software) findIn(dirs ...string) (string, error) {
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, s.program())); err == nil {
			return path, nil
		}
	}
	pkg := "bind9"
	if s == Knot {
		pkg = "knot"
	}
	return "", fmt.Errorf("dnstest: %s %w: apt-get install %s", s.program(), ErrNotInstalled, pkg)
}

// arguments make the program stay in the foreground.
func (s Software) arguments(dir string) []string {
	if s == Knot {
		return []string{"-c", filepath.Join(dir, "knot.conf")}
	}
	return []string{"-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")}
}

func (s Software) configure(ctx context.Context, dir string, o Options) error {
	if s == Knot {
		return writeKnotConfig(dir, o)
	}
	return writeConfig(ctx, dir, o)
}

var knotTemplate = template.Must(template.New("knot.conf").Parse(`server:
    rundir: "{{.Dir}}"
    listen: {{.Host}}@{{.Port}}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{{.Dir}}"
key:
  - id: {{.Key.Name}}
    algorithm: {{.Key.Algorithm}}
    secret: {{.Key.Secret}}
acl:
  - id: update
    key: {{.Key.Name}}
    action: update
    update-type: [TXT, CNAME]
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
template:
  - id: default
    storage: "{{.Dir}}"
    acl: [update, transfer]
    zonefile-sync: -1
    journal-content: changes
zone:
  - domain: .
    file: root.zone
{{range .Zones}}  - domain: {{.Name}}
    file: {{.Name}}zone
{{end}}`))

// writeKnotConfig writes what Knot DNS 3.2 reads.
func writeKnotConfig(dir string, o Options) error {
	if o.PrimaryAddr != "" || o.ForwardTo != "" {
		return errors.New("dnstest: Knot is a primary only")
	}
	o.Dir = dir
	zones := make([]ZoneSpec, len(o.Zones))
	for i, z := range o.Zones {
		z.Name = dns.CanonicalName(z.Name)
		zones[i] = z
		if err := write(dir, z.Name+"zone", zoneFile(z, o.Host)); err != nil {
			return err
		}
	}
	o.Zones = zones
	if err := write(dir, "root.zone", rootZone(o.Host)); err != nil {
		return err
	}
	var conf strings.Builder
	if err := knotTemplate.Execute(&conf, o); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	return write(dir, "knot.conf", conf.String())
}
