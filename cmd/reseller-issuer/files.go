package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httpfile"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/fileroute"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

const (
	// noAddress in --http-file-bind-address switches the server off.
	noAddress = "0"
	// Limits of the server, which anybody on the Internet can reach.
	fileReadTimeout     = 5 * time.Second
	fileWriteTimeout    = 10 * time.Second
	fileIdleTimeout     = 30 * time.Second
	fileHeaderBytes     = 16 << 10
	fileShutdownTimeout = 5 * time.Second
)

// setupFiles serves validation files from every replica, whether it leads or not.
func setupFiles(mgr ctrl.Manager, c config) error {
	if c.fileAddress == noAddress {
		return nil
	}
	shutdown := fileShutdownTimeout
	err := mgr.Add(&manager.Server{
		Name: "validation files", ShutdownTimeout: &shutdown,
		Server: &http.Server{
			Addr:              c.fileAddress,
			Handler:           httpfile.Handler{Files: order.PublishedFiles{Client: mgr.GetClient()}, Canary: canary(c)},
			ReadHeaderTimeout: fileReadTimeout, ReadTimeout: fileReadTimeout,
			WriteTimeout: fileWriteTimeout, IdleTimeout: fileIdleTimeout, MaxHeaderBytes: fileHeaderBytes,
		},
	})
	if err != nil {
		return fmt.Errorf("server of validation files: %w", err)
	}
	return nil
}

// canary is the same in all replicas.
func canary(c config) httpfile.Canary { return httpfile.Canary{Key: c.clusterID} }

// files fetches validation files as the world does.
func (d dns) files(c config) *httpfile.Checker {
	return httpfile.NewChecker(httpfile.CheckerOptions{
		Canary: canary(c), Port: c.filePort, AllowPrivate: c.insecureLoopback,
		Resolver: &resolver.Resolver{Client: &resolver.Client{}, Servers: d.recursors},
	})
}

// checkFiles finds what is wrong with the flags of validation files.
func (c *config) checkFiles() error {
	if c.fileAddress != noAddress {
		if _, _, err := net.SplitHostPort(c.fileAddress); err != nil {
			return errors.New("--http-file-bind-address: want host:port, :port, or 0 for none")
		}
	}
	if c.filePort == 0 {
		return errors.New("--http-file-port: it must not be 0")
	}
	_, err := parseBackend(c.fileService)
	return err
}

// parseBackend reads NAME:PORT of a Service.
func parseBackend(text string) (fileroute.Backend, error) {
	name, port, err := net.SplitHostPort(text)
	number, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || number == 0 || len(validation.IsDNS1035Label(name)) > 0 {
		return fileroute.Backend{}, fmt.Errorf("--http-file-service: %q: want NAME:PORT of a Service in the controller's namespace", text)
	}
	return fileroute.Backend{Service: name, Port: int32(number)}, nil
}
