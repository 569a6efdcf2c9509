package process

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const probeTimeout = 2 * time.Second

// HTTPReady returns a Ready function that wants status 200 from url. config may
// be nil for plain http.
func HTTPReady(url string, config *tls.Config) func(context.Context) error {
	client := &http.Client{
		Timeout:   probeTimeout,
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, tailBytes))
		if err != nil {
			return err
		}
		return fmt.Errorf("%s: %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
}

// TCPReady returns a Ready function that wants a connection to address.
func TCPReady(address string) func(context.Context) error {
	dialer := &net.Dialer{Timeout: probeTimeout}
	return func(ctx context.Context) error {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// Ports that this process has handed out, so that none is given twice.
var (
	portsMu sync.Mutex
	ports   = map[int]bool{}
)

// The range lies below every system's range of source ports, so that no
// outgoing connection takes a port between FreePort and its use.
const (
	firstPort = 20000
	portCount = 10000
	portTries = 1000
)

// FreePort returns a port of 127.0.0.1 that is free for TCP and UDP and that it
// has not returned before.
func FreePort(ctx context.Context) (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range portTries {
		port := firstPort + rand.IntN(portCount) //nolint:gosec // not a secret
		if !ports[port] && isFree(ctx, port) {
			ports[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("process: no free port between %d and %d", firstPort, firstPort+portCount-1)
}

func isFree(ctx context.Context, port int) bool {
	var config net.ListenConfig
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return false
	}
	packets, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		_ = listener.Close()
		return false
	}
	return listener.Close() == nil && packets.Close() == nil
}
