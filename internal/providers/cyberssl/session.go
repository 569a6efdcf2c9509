package cyberssl

import (
	"context"
	"sync"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// trustToken is how long after a call that worked a token is taken for good. How long
// tokens live is documented nowhere.
const trustToken = 30 * time.Second

// session is the login token of an account, shared by all calls.
type session struct {
	logins chan struct{} // holds one value while somebody logs in

	mu     sync.Mutex
	token  providers.Secret
	proven time.Time
}

func newSession() *session { return &session{logins: make(chan struct{}, 1)} }

// lock lets one caller log in at a time, so that the others use its token.
func (s *session) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.logins <- struct{}{}:
		return func() { <-s.logins }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *session) current() (providers.Secret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.token != ""
}

func (s *session) set(token providers.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.proven = token, time.Time{}
}

// drop forgets a token, unless somebody has fetched another one since.
func (s *session) drop(token providers.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

// mark notes that a token worked.
func (s *session) mark(token providers.Secret, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.proven = now
	}
}

// worked reports whether a call with this token worked a moment ago.
func (s *session) worked(token providers.Secret, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := now.Sub(s.proven)
	return s.token == token && !s.proven.IsZero() && age >= 0 && age < trustToken
}
