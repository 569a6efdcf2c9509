package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// errNoNginx is returned where nginx is not installed.
var errNoNginx = errors.New("nginx is not installed: apt-get install nginx")

// proxy is a web server in front of many hosts, as an administrator has one: it has a
// static route for validation files to the controller.
type proxy struct {
	*process.Process
	port      int
	address   string
	accessLog string
}

// proxyTemplate is the nginx configuration of docs/hooks/http-file.md, in the foreground and
// without root.
var proxyTemplate = template.Must(template.New("nginx.conf").Parse(`daemon off;
master_process off;
pid {{.Dir}}/nginx.pid;
events { worker_connections 256; }
http {
  log_format fetches '$status $request_method http://$host$uri $http_user_agent';
  access_log {{.Dir}}/access.log fetches;
  client_body_temp_path {{.Dir}}/body;
  proxy_temp_path {{.Dir}}/proxy;
  fastcgi_temp_path {{.Dir}}/fastcgi;
  uwsgi_temp_path {{.Dir}}/uwsgi;
  scgi_temp_path {{.Dir}}/scgi;
  server {
    listen {{.Address}} default_server;
    location /.well-known/pki-validation/ {
      proxy_pass http://{{.Controller}};
      proxy_set_header Host $host;
    }
    location / {
      return 200 "a shop\n";
    }
  }
}
`))

// startProxy starts nginx in front of the controller's port for files, which is chosen here
// and stays over restarts.
func (l *Lab) startProxy(ctx context.Context, options Options) error {
	if options.HostZone == "" {
		return nil
	}
	path, err := findNginx()
	if err != nil {
		return err
	}
	if l.filePort, err = process.FreePort(ctx); err != nil {
		return err
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(l.plane.Dir(), "nginx")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var text strings.Builder
	data := struct{ Dir, Address, Controller string }{dir, loopback(port), loopback(l.filePort)}
	if err := proxyTemplate.Execute(&text, data); err != nil {
		return err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return err
	}
	p := &proxy{port: port, address: data.Address, accessLog: filepath.Join(dir, "access.log")}
	p.Process, err = process.Start(ctx, process.Spec{
		Name: "nginx", Path: path,
		Args:    []string{"-p", dir, "-c", config, "-e", "stderr"},
		LogFile: filepath.Join(dir, "nginx.log"),
		Ready:   process.HTTPReady("http://"+p.address+"/", nil),
	})
	if err != nil {
		return err
	}
	l.proxy = p
	return nil
}

// findNginx also looks where Debian puts daemons, which is not in every PATH.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoNginx
}

// ProxyURL is the base URL of the reverse proxy; the Host header says which host is meant.
func (l *Lab) ProxyURL() string { return "http://" + l.proxy.address }

// Fetches are the requests that the reverse proxy has answered, oldest first: status, method,
// URL and user agent.
func (l *Lab) Fetches() ([]string, error) {
	content, err := os.ReadFile(l.proxy.accessLog)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n"), nil
}
