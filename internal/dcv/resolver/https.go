package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/miekg/dns"
)

const dnsMessage = "application/dns-message"

// overHTTPS sends m as RFC 8484 POST. The message id is zero on the wire, as
// section 4.1 advises.
func (c *Client) overHTTPS(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
	query := m.Copy()
	query.Id = 0
	packed, err := query.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	body, err := c.post(ctx, server, packed)
	if err != nil {
		return nil, err
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(body); err != nil {
		return nil, fmt.Errorf("unpack reply: %w", err)
	}
	return reply, matches(reply, m)
}

func (c *Client) post(ctx context.Context, server string, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server, bytes.NewReader(query))
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Content-Type", dnsMessage)
	req.Header.Set("Accept", dnsMessage)
	client := c.HTTP
	if client == nil {
		client = guarded
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("http status %d", resp.StatusCode)
	}
	if got := resp.Header.Get("Content-Type"); got != dnsMessage {
		return nil, fmt.Errorf("content type %q is not %s", got, dnsMessage)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, dns.MaxMsgSize))
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	return body, nil
}

// withoutURL drops the URL, which may hold an account token in its path.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
