package resolver

import (
	"context"
	"strconv"
	"sync"

	"github.com/miekg/dns"
)

// Memo returns a function that asks with lookup once for each name and type, also when
// it is called concurrently, and gives the same answer or error again. It is for work
// that is done within seconds: nothing is forgotten. At most limit questions are under
// way; who waits for a turn does so within its ctx.
func Memo(lookup LookupFunc, limit int) LookupFunc {
	var known sync.Map // functions that return *dns.Msg and error
	turns := make(chan struct{}, limit)
	return func(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
		once := sync.OnceValues(func() (*dns.Msg, error) {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return lookup(ctx, name, qtype)
		})
		answer, _ := known.LoadOrStore(strconv.Itoa(int(qtype))+" "+dns.CanonicalName(name), once)
		return answer.(func() (*dns.Msg, error))()
	}
}
