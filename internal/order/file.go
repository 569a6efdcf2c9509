package order

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httpfile"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// filePatience is how long a file is looked for before the CA is asked all the same:
	// new routes take seconds, and behind some NAT a cluster never sees its own hosts.
	filePatience = 2 * time.Minute
	fileInterval = 5 * time.Second
	// maxCanaries bounds what one preflight fetches, fileTimeout how long a round of fetches
	// takes.
	maxCanaries = 20
	fileTimeout = 10 * time.Second
	// maxURLs is how many addresses the API takes for a challenge.
	maxURLs = 8
	// anyHost stands for all hosts in the index of files.
	anyHost = "*"
)

// servedByUs reports whether a challenge is a file that the controller serves.
func servedByUs(c *v1alpha1.OrderChallenge) bool {
	return c.Method == v1alpha1.DCVMethodFile && c.Solver != ""
}

// fileURLs are the addresses at which a file has to be. Where the CA adds the www name of
// the common name by itself, or the name without www, the file has to be there, too; the
// challenge's own address stays last.
func fileURLs(s *scope, c providers.Challenge) []string {
	if c.Method != providers.MethodFile || !s.view.Issuer.Profile.WWWIncluded || !strings.EqualFold(c.Domain, s.order.Status.Issuance.CommonName) {
		return c.URLs
	}
	var urls []string
	for _, address := range c.URLs {
		own, err := dcv.NewFile(address, c.Body)
		if err != nil {
			continue // it is refused when it is to be published
		}
		for _, host := range httpfile.Hosts(own.Host) {
			other := own
			other.Host = host
			if !slices.Contains(c.URLs, other.URL()) && !slices.Contains(urls, other.URL()) {
				urls = append(urls, other.URL())
			}
		}
	}
	return append(urls[:min(len(urls), max(0, maxURLs-len(c.URLs)))], c.URLs...)
}

// recordsOf are the records or files of a challenge, without solver. Files at addresses that
// can't be served are left out: where there is no other, the file is left to a person.
func recordsOf(c *v1alpha1.OrderChallenge) []v1alpha1.PublishedRecord {
	if c.Method != v1alpha1.DCVMethodFile {
		return []v1alpha1.PublishedRecord{{Name: publishName(c), Type: c.Method, Value: c.RecordValue, Domain: c.Domain}}
	}
	var records []v1alpha1.PublishedRecord
	for _, file := range filesOf(c) {
		record := v1alpha1.PublishedRecord{Name: file.URL(), Type: c.Method, Value: file.Body, Domain: c.Domain}
		if !slices.ContainsFunc(records, func(o v1alpha1.PublishedRecord) bool { return sameRecord(o, record) }) {
			records = append(records, record)
		}
	}
	return records
}

// filesOf are the files of a challenge that can be served.
func filesOf(c *v1alpha1.OrderChallenge) []dcv.File {
	var files []dcv.File
	for _, address := range c.URLs {
		if file, err := dcv.NewFile(address, c.Body); err == nil {
			files = append(files, file)
		}
	}
	return files
}

// isFileOf reports whether a published file belongs to a challenge.
func isFileOf(c *v1alpha1.OrderChallenge, record v1alpha1.PublishedRecord) bool {
	return slices.ContainsFunc(filesOf(c), func(file dcv.File) bool {
		return file.URL() == record.Name && file.Body == record.Value
	})
}

// hookRequest is a published record or file in the hooks' terms.
func hookRequest(order *v1alpha1.ResellerOrder, record v1alpha1.PublishedRecord, namespace string) (dcv.Request, error) {
	request := dcv.Request{ID: order.Namespace + "/" + order.Name, DNSName: record.Domain, Namespace: namespace}
	if record.Type != v1alpha1.DCVMethodFile {
		request.Record = dcv.Record{Type: dcv.RecordType(record.Type), FQDN: record.Name, Value: record.Value}
		return request, nil
	}
	var err error
	request.File, err = dcv.NewFile(record.Name, record.Value)
	return request, err
}

// setKey is what calls of hooks are serialised by: a record set, or a file.
func setKey(request dcv.Request) string {
	if request.File.Host != "" {
		return request.File.URL()
	}
	return request.Record.Key()
}

// requestKey is the key under which the cache has a record or file.
func requestKey(request dcv.Request) string {
	if request.File.Host != "" {
		return recordKey(string(v1alpha1.DCVMethodFile), request.File.URL(), request.File.Body)
	}
	return recordKey(string(request.Record.Type), request.Record.FQDN, request.Record.Value)
}

// noun is what a person calls published data.
func noun(method v1alpha1.DCVMethod) string {
	if method == v1alpha1.DCVMethodFile {
		return "file's route"
	}
	return "record"
}

func seenMessage(method v1alpha1.DCVMethod) string {
	if method == v1alpha1.DCVMethodFile {
		return "files are served"
	}
	return "records are on all authoritative servers"
}

// lookForFiles looks once for those challenges that are files; the results of the others are
// left empty.
func (r *Reconciler) lookForFiles(ctx context.Context, s *scope, open []*v1alpha1.OrderChallenge) []propagation.Observation {
	seen := make([]propagation.Observation, len(open))
	problems := make([]error, len(open))
	bounded, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	group := errgroup.Group{}
	group.SetLimit(parallelHooks)
	for i, c := range open {
		files := filesOf(c)
		if c.Method != v1alpha1.DCVMethodFile {
			continue
		}
		if s.view.Issuer.Propagation.Check == v1alpha1.PropagationOff || len(files) == 0 {
			seen[i].Propagated = true
			continue
		}
		group.Go(func() error {
			problems[i] = r.Files.Fetch(bounded, files[len(files)-1])
			seen[i].Propagated = problems[i] == nil
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	for i, err := range problems {
		if err != nil {
			seen[i] = notFetched(s, filesOf(open[i]), err)
		}
	}
	return seen
}

// notFetched is what follows from a file that the world doesn't get, as far as this
// controller can see.
func notFetched(s *scope, files []dcv.File, err error) propagation.Observation {
	message := "the controller serves " + files[len(files)-1].URL() + ", but does not get it from there: " + err.Error()
	if s.view.Now.Sub(s.order.Status.Issuance.Since.Time) < filePatience {
		return propagation.Observation{Message: message, RetryAfter: fileInterval}
	}
	s.events = append(s.events, happening{warning: true, reason: "FileNotSeen", message: clip(message + "; asking the CA all the same")})
	return propagation.Observation{Propagated: true}
}

// warnOfUnreachableHosts fetches a canary from each host whose files come here by a route of
// the administrator. It is a warning only: a cluster may not see its own hosts as the world does.
func (r *Reconciler) warnOfUnreachableHosts(ctx context.Context, s *scope) {
	hosts := r.staticHosts(ctx, s)
	problems := make([]error, len(hosts))
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	group := errgroup.Group{}
	group.SetLimit(parallelHooks)
	for i, host := range hosts {
		group.Go(func() error {
			problems[i] = r.Files.Canary(ctx, host)
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	for _, err := range problems {
		if err != nil {
			s.events = append(s.events, happening{warning: true, reason: "FileNotSeen", message: clip("a test file that this controller serves does not arrive from outside; see docs/hooks/http-file.md: " + err.Error())})
		}
	}
}

// staticHosts are the hosts for which the administrator has a route to the controller.
func (r *Reconciler) staticHosts(ctx context.Context, s *scope) []string {
	issuance := s.order.Status.Issuance
	if issuance.Method != v1alpha1.DCVMethodFile {
		return nil
	}
	var hosts []string
	chosen := r.choiceOf(ctx, s)
	for _, name := range issuance.Names {
		solver, err := chosen.solver(issuance.Method, name, publishing(issuance.Method))
		if err != nil || solver.HTTPFile == nil || solver.HTTPFile.GatewayHTTPRoute != nil || solver.HTTPFile.Ingress != nil {
			continue
		}
		hosts = append(hosts, name)
		if s.view.Issuer.Profile.WWWIncluded && strings.EqualFold(name, issuance.CommonName) {
			hosts = append(hosts, httpfile.Hosts(name)...)
		}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	return hosts[:min(len(hosts), maxCanaries)]
}

// PublishedFiles finds the files that orders have published. Every replica can: it reads
// the cache.
type PublishedFiles struct{ Client client.Reader }

var _ httpfile.Finder = PublishedFiles{}

// Find implements httpfile.Finder. Of several orders that want the same file of a host to be
// different, the oldest is served first. For another host a file is found by its path alone
// if all orders that have it agree on the content.
func (f PublishedFiles) Find(ctx context.Context, host, path string) (string, bool, error) {
	bodies, err := f.bodies(ctx, host, path)
	if err == nil && len(bodies) == 0 {
		bodies, err = f.bodies(ctx, anyHost, path)
		slices.Sort(bodies)
		if bodies = slices.Compact(bodies); len(bodies) > 1 {
			return "", false, nil
		}
	}
	if err != nil || len(bodies) == 0 {
		return "", false, err
	}
	return bodies[0], true, nil
}

// bodies are the contents of a file, that of the oldest order first.
func (f PublishedFiles) bodies(ctx context.Context, host, path string) ([]string, error) {
	var list v1alpha1.ResellerOrderList
	key := fileKey(host, path)
	if err := f.Client.List(ctx, &list, client.MatchingFields{IndexFile: key}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("order: list orders of a file: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.ResellerOrder) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(string(a.UID), string(b.UID)))
	})
	var bodies []string
	for i := range list.Items {
		eachFile(&list.Items[i], func(file dcv.File) {
			if fileKey(file.Host, file.Path) == key || fileKey(anyHost, file.Path) == key {
				bodies = append(bodies, file.Body)
			}
		})
	}
	return bodies, nil
}

// fileKeys are the keys of an order in the index of files.
func fileKeys(o client.Object) []string {
	var keys []string
	eachFile(o.(*v1alpha1.ResellerOrder), func(file dcv.File) {
		keys = append(keys, fileKey(file.Host, file.Path), fileKey(anyHost, file.Path))
	})
	return keys
}

// eachFile visits the files that an order has published: those for which a hook has done
// its part, which it refuses where the issuer may not serve files.
func eachFile(order *v1alpha1.ResellerOrder, visit func(dcv.File)) {
	for _, record := range order.Status.Records {
		if record.Type != v1alpha1.DCVMethodFile || !record.Presented {
			continue
		}
		if file, err := dcv.NewFile(record.Name, record.Value); err == nil {
			visit(file)
		}
	}
}

func fileKey(host, path string) string { return host + path }
