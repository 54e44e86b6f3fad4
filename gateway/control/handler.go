package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/typo"
)

// guarded bounds what a request may be, and contains faults of ours to one request.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
				s.cfg.Log.Error("a fault in the control interface", "fault", fault, "stack", string(debug.Stack()))
				s.counts.request("", "fault")
				panic(http.ErrAbortHandler) // the connection's state is unknown: close it
			}
		}()
		lines := 0
		for _, v := range r.Header {
			lines += len(v)
		}
		switch {
		case lines > MaxHeaders:
			s.refuse(w, http.StatusRequestHeaderFieldsTooLarge, "http-header", "more than %d header lines", MaxHeaders)
		case len(r.RequestURI) > MaxURI:
			s.refuse(w, http.StatusRequestURITooLong, "http-uri", "an address of more than %d bytes", MaxURI)
		case strings.ContainsAny(r.URL.Path, "\\\x00"):
			s.refuse(w, http.StatusBadRequest, "http-uri", "an address with characters that none has")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuse answers a request that is not let in, and counts it.
func (s *Server) refuse(w http.ResponseWriter, status int, kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.counts.refused(kind, "a request: "+text)
	e := api.Errorf(api.Usage, "refused: %s", text)
	if status == http.StatusForbidden || status == http.StatusUnauthorized || status == http.StatusMisdirectedRequest {
		e.Kind = api.Denied
	}
	s.fail(w, status, e)
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, status int, e *api.Error) {
	s.answer(w, status, struct {
		Error *api.Error `json:"error"`
	}{e})
}

// answer writes JSON. An error of writing means that nobody waits any more.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.cfg.Log.Error("an answer of the control interface cannot be written as JSON", "err", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":{"kind":"failed","text":"the answer cannot be written as JSON: this is a bug"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// serveSocket serves programs of the user who runs the node.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/metrics":
		s.metrics(w, r)
	case "/health":
		s.health(w, r)
	case "/v1/events":
		s.events(w, r)
	case "/v1/stop":
		s.stop(w, r)
	case "/v1/ui/ticket":
		s.ticket(w, r)
	case api.StreamUsers:
		s.search(w, r)
	case api.StreamPublish:
		s.publish(w, r)
	case api.StreamSubscribe:
		s.subscribe(w, r)
	case api.StreamWorkOffer:
		s.workOffer(w, r)
	case api.StreamWorkTake:
		s.workTake(w, r)
	case api.StreamPut:
		s.filePut(w, r)
	case api.StreamGet:
		s.fileGet(w, r)
	default:
		s.operate(w, r, true)
	}
}

// operate carries out the operation that the path names.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, secrets bool) {
	name, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	o, known := s.ops[name]
	switch {
	case !ok || !known || name == "stop":
		s.fail(w, http.StatusNotFound, s.unknown(name))
		return
	case o.Secret && !secrets:
		s.refuse(w, http.StatusForbidden, "page-secret", "%s is for the command line only", o.Name)
		return
	}
	body, ok := s.body(w, r, o.Read)
	if !ok {
		return
	}
	a, err := o.Do(r.Context(), s.cfg.Node, func(v any) error {
		err := decode(body, v)
		if err != nil {
			s.counts.refused("control-json", "a request body")
		}
		return err
	})
	if err != nil {
		s.failed(w, o.Name, err)
		return
	}
	s.counts.request(o.Name, "ok")
	s.answer(w, http.StatusOK, a)
}

// unknown says that there is no such operation, and which one is near.
func (s *Server) unknown(name string) *api.Error {
	var names []string
	for _, o := range api.Operations() {
		names = append(names, o.Name)
	}
	if near := typo.Nearest(name, names); near != "" {
		return api.Errorf(api.NotFound, "no operation of this name: do you mean %s?", near)
	}
	return api.Errorf(api.NotFound, "no operation of this name: see package api for all of them")
}

// body reads a request's body within the limits. If it is refused it was answered.
func (s *Server) body(w http.ResponseWriter, r *http.Request, read bool) ([]byte, bool) {
	switch {
	case r.Method == http.MethodGet && read:
		return nil, true
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is not POST")
		return nil, false
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(bodyTime))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	rc.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.refuse(w, http.StatusRequestEntityTooLarge, "http-body", "a body of more than %d bytes", MaxBody)
		return nil, false
	case err != nil:
		s.refuse(w, http.StatusBadRequest, "http-body", "a body that did not come within %v", bodyTime)
		return nil, false
	}
	// A form of another page cannot send this type without asking first.
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); len(b) > 0 && strings.TrimSpace(kind) != "application/json" {
		s.refuse(w, http.StatusUnsupportedMediaType, "http-type", "the content type is not application/json")
		return nil, false
	}
	return b, true
}

// failed answers with what a node said.
func (s *Server) failed(w http.ResponseWriter, op string, err error) {
	var e *api.Error
	if !errors.As(err, &e) {
		e = &api.Error{Kind: api.KindOf(err), Text: err.Error()}
		if errors.Is(err, context.Canceled) {
			e = api.Errorf(api.NotRunning, "the node is stopping: start it again with `phyllo up`")
		}
	} else if e.Text != err.Error() {
		e = &api.Error{Kind: e.Kind, Text: err.Error()} // with what was wrapped around it
	}
	s.counts.request(op, string(e.Kind))
	s.fail(w, httpStatus(e.Kind), e)
}

func httpStatus(k api.Kind) int {
	switch k {
	case api.Usage:
		return http.StatusBadRequest
	case api.NotFound:
		return http.StatusNotFound
	case api.Denied:
		return http.StatusForbidden
	case api.Locked, api.NewerState, api.KeyChanged, api.Disputed, api.Conflict:
		return http.StatusConflict
	case api.NotRunning, api.Unreachable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// health says in its status whether the node is ready.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	state, code := "unknown", http.StatusServiceUnavailable
	if st, err := s.cfg.Node.Status(r.Context()); err == nil {
		if state = st.State; state == api.StateReady {
			code = http.StatusOK
		}
	}
	s.answer(w, code, struct {
		State string `json:"state"`
	}{state})
}

// stop asks the node to stop. The connection is then kept, and ends when the node's
// owner has freed the home, or with the process: so the asker knows.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.body(w, r, false); !ok {
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.failed(w, "stop", err)
		return
	}
	if !s.answering() {
		conn.Close()
		return
	}
	defer s.answers.Done()
	conn.SetDeadline(time.Now().Add(writeTime))
	if err := s.cfg.Node.Stop(context.WithoutCancel(r.Context())); err != nil {
		e := &api.Error{Kind: api.KindOf(err), Text: err.Error()}
		b, _ := json.Marshal(map[string]any{"error": e}) // strings only: it cannot fail
		fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n%s\n",
			httpStatus(e.Kind), http.StatusText(httpStatus(e.Kind)), b)
		conn.Close()
		return
	}
	s.counts.request("stop", "ok")
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}\n"); err != nil {
		conn.Close()
		return
	}
	conn.SetDeadline(time.Time{})
	s.keep(conn)
}
