package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
	"github.com/libdns/azure"
	"github.com/libdns/cloudflare"
	"github.com/libdns/googleclouddns"
	"github.com/libdns/hetzner/v2"
	"github.com/libdns/ovh"
	"github.com/libdns/rfc2136"
	"github.com/libdns/route53"
	goovh "github.com/ovh/go-ovh/ovh"
	"google.golang.org/api/googleapi"
)

// kind is a libdns provider and what its library is known for.
type kind struct {
	// new makes one, to be filled from the settings.
	new func() backend
	// required are the settings without which it can't work.
	required []string
	// secret are the settings that are credentials.
	secret []string
	// wholeSets: the library writes or removes all values of a name and type at once, or
	// changes those of others on the way. It then only makes sets that don't exist and
	// removes those that hold nothing else.
	wholeSets bool
	// neverEmpty: a zone has at least its SOA in the listing, so an empty listing is an
	// error that the library has swallowed.
	neverEmpty bool
}

// kinds are the providers by name. What is said of the libraries was read in the versions
// of go.mod.
var kinds = map[string]kind{
	// Append fails if the set exists, Delete removes the set whatever its values, and a
	// record that can't be read makes the whole listing empty.
	"azure": {
		new:      func() backend { return &azure.Provider{} },
		required: []string{"subscription_id", "resource_group_name"}, secret: []string{"client_secret"},
		wholeSets: true, neverEmpty: true,
	},
	// Exact by value. The controller's own solver for Cloudflare needs no such program.
	"cloudflare": {
		new:      func() backend { return &cloudflare.Provider{} },
		required: []string{"api_token"}, secret: []string{"api_token", "zone_token"},
	},
	// Append writes the other values of the set back without their quotes, which changes
	// those with a semicolon, and overwrites a set that appears meanwhile.
	"googleclouddns": {
		new:      func() backend { return &googleclouddns.Provider{} },
		required: []string{"gcp_project"}, secret: []string{"gcp_application_default"},
		wholeSets: true, neverEmpty: true,
	},
	// Exact by value; it panics without a token.
	"hetzner": {
		new:      func() backend { return &hetzner.Provider{} },
		required: []string{"api_token"}, secret: []string{"api_token"}, neverEmpty: true,
	},
	// Exact by value, with one request for each record of the zone.
	"ovh": {
		new:      func() backend { return &ovh.Provider{} },
		required: []string{"endpoint", "application_key", "application_secret", "consumer_key"},
		secret:   []string{"application_key", "application_secret", "consumer_key"},
	},
	// Exact by value; lists by zone transfer.
	"rfc2136": {
		new:      func() backend { return &rfc2136.Provider{} },
		required: []string{"server", "key_name", "key_alg", "key"}, secret: []string{"key"}, neverEmpty: true,
	},
	// Reads, merges and writes a set under a lock of this process.
	"route53": {
		new:    func() backend { return &route53.Provider{} },
		secret: []string{"secret_access_key", "session_token"}, neverEmpty: true,
	},
}

// refusals are the codes and texts by which services without numbers refuse.
var refusals = []string{
	"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException",
}

// refused reports whether a service refuses the credentials or the change.
func refused(err error) bool {
	if status := statusOf(err); status != 0 {
		return status == http.StatusUnauthorized || status == http.StatusForbidden
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return slices.Contains(refusals, e.ErrorCode())
	}
	if e, ok := errors.AsType[hcloud.Error](err); ok {
		return e.Code == hcloud.ErrorCodeForbidden || e.Code == hcloud.ErrorCodeUnauthorized
	}
	text := err.Error()
	for _, sign := range []string{`"REFUSED"`, `"NOTAUTH"`, "bad authentication", "HTTP 401", "HTTP 403"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// statusOf is the HTTP status that a library's error carries, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return e.StatusCode
	}
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*goovh.APIError](err); ok {
		return e.Code
	}
	return 0
}
