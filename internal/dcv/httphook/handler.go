package httphook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Options of a [Handler].
type Options struct {
	// Hook does the work.
	Hook dcv.Hook
	// Token returns the bearer token that callers must have. It is asked at each call, so
	// that a token can change while the program runs.
	Token func() (dcv.Secret, error)
	// Secrets are credentials that never appear in an answer or the log.
	Secrets []dcv.Secret
	// Log gets a line for each call; nil means nowhere.
	Log *slog.Logger
}

// Handler answers the calls of a [Hook] at the root of its path.
type Handler struct {
	options Options
	mux     *http.ServeMux
}

var errToken = errors.New("the bearer token is missing or wrong")

// NewHandler returns a handler. It is safe for concurrent use if the hook is.
func NewHandler(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{options: o, mux: http.NewServeMux()}
	h.mux.HandleFunc("GET /"+pathCapabilities, h.capabilities)
	h.mux.HandleFunc("POST /"+pathPresent, h.present)
	h.mux.HandleFunc("POST /"+pathCleanUp, h.cleanUp)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.authenticate(r); err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		h.fail(w, http.StatusUnauthorized, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.mux.ServeHTTP(w, r)
}

// authenticate compares digests, so that the time it takes tells nothing of the token.
func (h *Handler) authenticate(r *http.Request) error {
	want, err := h.options.Token()
	if err != nil || want.IsZero() {
		h.options.Log.ErrorContext(r.Context(), "the token can't be read, nobody is let in", "error", err)
		return errToken
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given, expected := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(want.Reveal()))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(given[:], expected[:]) != 1 {
		return errToken
	}
	return nil
}

func (h *Handler) capabilities(w http.ResponseWriter, _ *http.Request) {
	c := h.options.Hook.Capabilities()
	writeJSON(w, http.StatusOK, mediaJSON, capabilities{Types: c.Types, Apex: c.Apex, MultiValue: c.MultiValue})
}

func (h *Handler) present(w http.ResponseWriter, r *http.Request) {
	var state dcv.State
	h.do(w, r, "present", func(ctx context.Context, req dcv.Request) (err error) {
		state, err = h.options.Hook.Present(ctx, req)
		return err
	}, func() {
		answer := presented{State: stateDone}
		if state.Phase == dcv.Pending {
			answer = presented{State: statePending, RetryAfter: max(1, int(math.Ceil(state.RetryAfter.Seconds()))), Message: h.clean(state.Message)}
		}
		writeJSON(w, http.StatusOK, mediaJSON, answer)
	})
}

func (h *Handler) cleanUp(w http.ResponseWriter, r *http.Request) {
	h.do(w, r, "cleanup", h.options.Hook.CleanUp, func() { w.WriteHeader(http.StatusNoContent) })
}

// do reads the change, makes it, and answers.
func (h *Handler) do(w http.ResponseWriter, r *http.Request, operation string, work func(context.Context, dcv.Request) error, answer func()) {
	var c change
	if err := readJSON(r.Body, &c); err != nil {
		h.fail(w, http.StatusBadRequest, err)
		return
	}
	request, err := c.request()
	if err == nil {
		err = work(r.Context(), request)
	}
	log := h.options.Log.With("operation", operation, "id", c.ID, "type", c.Record.Type, "name", c.Record.Name)
	if err != nil {
		log.WarnContext(r.Context(), "failed", "error", h.clean(err.Error()))
		h.fail(w, statusOf(err), err)
		return
	}
	log.InfoContext(r.Context(), "done")
	answer()
}

// statusOf is how the classes of dcv's errors travel.
func statusOf(err error) int {
	switch {
	case errors.Is(err, dcv.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, dcv.ErrDenied):
		return http.StatusForbidden
	case errors.Is(err, dcv.ErrUnsupported):
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadGateway
}

func (h *Handler) fail(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, mediaProblem, problem{Title: http.StatusText(status), Status: status, Detail: h.clean(err.Error())})
}

func (h *Handler) clean(text string) string { return dcv.ForeignText(text, h.options.Secrets...) }

// writeJSON ignores that a caller has gone away.
func writeJSON(w http.ResponseWriter, status int, media string, body any) {
	content, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer can't be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(content, '\n'))
}
