package dcv

import (
	"fmt"
	"net/url"
	"strings"
)

// FilePrefix is the path below which certificate authorities look for files (CA/Browser
// Forum Baseline Requirements 3.2.2.4.18).
const FilePrefix = "/.well-known/pki-validation/"

// maxFileName keeps paths within what Ingress and HTTPRoute objects take.
const maxFileName = 255

// File is a file to serve over plain HTTP on port 80.
type File struct {
	// Host is the name being validated, without port.
	Host string
	// Path is absolute, such as "/.well-known/pki-validation/fileauth.txt".
	Path string
	// Body is served byte for byte.
	Body string
}

// NewFile reads where a certificate authority looks for a file: an http or https URL
// without port and query.
func NewFile(address, body string) (File, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.RawPath != "" {
		return File{}, fmt.Errorf("dcv: file %q: %w: want an http or https URL without port and query", address, ErrUnsupported)
	}
	host, err := Normalise(u.Host)
	if err != nil {
		return File{}, err
	}
	f := File{Host: host, Path: u.Path, Body: body}
	return f, f.Validate()
}

// URL is where the certificate authority looks for the file. It identifies the file.
func (f File) URL() string { return "http://" + f.Host + f.Path }

// Validate reports what is wrong with f as an [ErrUnsupported].
func (f File) Validate() error {
	host, err := Normalise(f.Host)
	name, below := strings.CutPrefix(f.Path, FilePrefix)
	switch {
	case err != nil:
		return err
	case host != f.Host || IsWildcard(host):
		return fmt.Errorf("dcv: file %s: %w: %q is not a host name in lower case", f.URL(), ErrUnsupported, f.Host)
	case !below || !validFileName(name):
		return fmt.Errorf("dcv: file %s: %w: only plain files directly below %s are served", f.URL(), ErrUnsupported, FilePrefix)
	case f.Body == "":
		return fmt.Errorf("dcv: file %s: %w: it is empty", f.URL(), ErrUnsupported)
	}
	return nil
}

// validFileName keeps out everything that a proxy may read differently.
func validFileName(name string) bool {
	if name == "" || len(name) > maxFileName || name[0] == '.' {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}
