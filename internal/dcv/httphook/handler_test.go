package httphook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// scripted answers as it was told.
type scripted struct {
	state dcv.State
	err   error
	got   []dcv.Request
}

func (s *scripted) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT}, Apex: true}
}

func (s *scripted) Present(_ context.Context, r dcv.Request) (dcv.State, error) {
	s.got = append(s.got, r)
	return s.state, s.err
}

func (s *scripted) CleanUp(_ context.Context, r dcv.Request) error {
	s.got = append(s.got, r)
	return s.err
}

func handlerFor(hook dcv.Hook) *Handler {
	return NewHandler(Options{
		Hook: hook, Secrets: []dcv.Secret{dcv.NewSecret("cloud-key")},
		Token: func() (dcv.Secret, error) { return dcv.NewSecret(token), nil },
	})
}

// TestBothEnds has everything that a hook can say come out at the other end as it went in.
func TestBothEnds(t *testing.T) {
	t.Parallel()
	wrap := func(class error) error { return fmt.Errorf("%w: because of cloud-key", class) }
	tests := map[string]struct {
		state dcv.State
		err   error
		want  dcv.State
	}{
		"done":        {},
		"pending":     {state: dcv.State{Phase: dcv.Pending, RetryAfter: 1500 * time.Millisecond, Message: "cloud-key works"}, want: dcv.State{Phase: dcv.Pending, RetryAfter: 2 * time.Second, Message: "*** works"}},
		"conflict":    {err: wrap(dcv.ErrConflict)},
		"denied":      {err: wrap(dcv.ErrDenied)},
		"unsupported": {err: wrap(dcv.ErrUnsupported)},
		"transient":   {err: wrap(errors.New("outage"))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behind := &scripted{state: tt.state, err: tt.err}
			h := hookAt(t, http.StripPrefix("/dns/v1", handlerFor(behind)))
			require.NoError(t, h.Probe(t.Context()))
			state, err := h.Present(t.Context(), txt(t))
			errClean := h.CleanUp(t.Context(), txt(t))
			assert.Equal(t, []dcv.Request{txt(t), txt(t)}, behind.got)
			assert.Equal(t, tt.want, state)
			for _, err := range []error{err, errClean} {
				if tt.err == nil {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, "because of ***")
				for _, class := range []error{dcv.ErrConflict, dcv.ErrDenied, dcv.ErrUnsupported} {
					assert.Equal(t, errors.Is(tt.err, class), errors.Is(err, class), "%v", class)
				}
			}
		})
	}
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	valid := `{"record":{"type":"TXT","name":"a.example.","value":"v"}}`
	tests := map[string]struct {
		method, path, authorization, body string
		want                              int
	}{
		"no token":       {"POST", "/present", "", valid, 401},
		"wrong token":    {"POST", "/present", "Bearer hunter", valid, 401},
		"other scheme":   {"POST", "/present", "Basic " + token, valid, 401},
		"empty token":    {"GET", "/capabilities", "Bearer ", "", 401},
		"lower case":     {"GET", "/capabilities", "bearer " + token, "", 200},
		"wrong method":   {"GET", "/present", "Bearer " + token, "", 405},
		"unknown path":   {"POST", "/absent", "Bearer " + token, valid, 404},
		"not json":       {"POST", "/present", "Bearer " + token, "type=TXT", 400},
		"too long":       {"POST", "/cleanup", "Bearer " + token, strings.Repeat(" ", maxBody) + valid, 400},
		"no record":      {"POST", "/cleanup", "Bearer " + token, `{}`, 422},
		"not normalised": {"POST", "/present", "Bearer " + token, strings.Replace(valid, "a.example.", "A.example", 1), 422},
		"other type":     {"POST", "/present", "Bearer " + token, strings.Replace(valid, "TXT", "MX", 1), 422},
		"empty value":    {"POST", "/cleanup", "Bearer " + token, strings.Replace(valid, `"v"`, `""`, 1), 422},
		"ttl":            {"POST", "/present", "Bearer " + token, strings.Replace(valid, `"v"`, `"v","ttl":9223372036854775807`, 1), 422},
		"new field":      {"POST", "/present", "Bearer " + token, strings.Replace(valid, `{"record"`, `{"next":1,"record"`, 1), 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behind := &scripted{}
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Authorization", tt.authorization)
			w := httptest.NewRecorder()
			handlerFor(behind).ServeHTTP(w, r)
			assert.Equal(t, tt.want, w.Code, w.Body.String())
			assert.Equal(t, tt.want == 200 && tt.method == "POST", len(behind.got) == 1)
			assert.NotContains(t, w.Body.String(), token)
		})
	}
}

func TestUnreadableTokenLetsNobodyIn(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func() (dcv.Secret, error){
		"error": func() (dcv.Secret, error) { return dcv.Secret{}, errors.New("no such file") },
		"empty": func() (dcv.Secret, error) { return dcv.Secret{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			h := NewHandler(Options{Hook: &scripted{}, Token: read, Log: slog.New(slog.NewTextHandler(&log, nil))})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/capabilities", nil)
			r.Header.Set("Authorization", "Bearer ")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, http.StatusUnauthorized, w.Code)
			assert.Contains(t, log.String(), "can't be read")
		})
	}
}

// FuzzReadChange has bodies of any kind: what is accepted is a valid record, and both ends
// agree on it.
func FuzzReadChange(f *testing.F) {
	f.Add(`{"record":{"type":"TXT","name":"a.example.","value":"v","ttl":60}}`)
	f.Add(`{"id":"x","record":{"type":"CNAME","name":"_a.example.","value":"b.example"}}`)
	f.Add(`{"record":{"ttl":-1}}`)
	f.Fuzz(func(t *testing.T, body string) {
		behind := &scripted{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/present", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handlerFor(behind).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			assert.Empty(t, behind.got)
			return
		}
		require.Len(t, behind.got, 1)
		require.NoError(t, behind.got[0].Record.Validate())
		again, err := newChange(behind.got[0]).request()
		require.NoError(t, err)
		assert.Equal(t, behind.got[0], again)
	})
}
