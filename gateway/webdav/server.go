package webdav

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
)

const (
	maxXML    = 256 << 10 // bytes
	maxRanges = 8         // of one request; more get the whole
)

// Config is what a Server needs; all of it is required.
type Config struct {
	// Spaces are those of a key's user.
	Spaces func(user string) files.Spaces
	Book   *password.Book
	Tally  *front.Tally
	Log    *slog.Logger
}

// Server is an http.Handler that speaks WebDAV; it is served by package front. Make
// one with New.
type Server struct {
	Config

	mu    sync.Mutex
	locks map[string]*locks // of each user
}

// New returns a Server.
func New(c Config) *Server {
	return &Server{Config: c, locks: map[string]*locks{}}
}

// locksOf are those on a user's spaces: another one may call his by the same name.
func (s *Server) locksOf(user string) *locks {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locks[user]
	if l == nil {
		l = newLocks()
		s.locks[user] = l
	}
	return l
}

// refusal is why a request is not let in.
type refusal struct {
	status int
	kind   string // of bad input, or empty
	text   string
}

// reads are the methods that change nothing.
var reads = map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "PROPFIND": true}

// writes are the others that are served.
var writes = map[string]bool{"PUT": true, "DELETE": true, "MKCOL": true, "COPY": true, "MOVE": true, "LOCK": true, "UNLOCK": true, "PROPPATCH": true}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "phyllo")
	id, secret, _ := r.BasicAuth()
	key, err := s.Book.Check(r.RemoteAddr, id, secret)
	if err != nil {
		s.unknown(w, r, err)
		return
	}
	v := &view{Server: s, key: key, r: r, header: w.Header(), known: map[string]info{}}
	if no := v.refuses(); no != nil {
		if no.kind != "" {
			s.Tally.Refused(no.kind)
		}
		http.Error(w, no.text, no.status)
		return
	}
	if err := v.body(); err != nil {
		s.Tally.Refused("xml")
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && v.page(w) {
		return
	}
	a := &answering{ResponseWriter: w, v: v}
	dav := webdav.Handler{FileSystem: tree{}, LockSystem: confirming{s.locksOf(key.User), v}}
	dav.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), viewKey{}, v)))
	if v.gone != "" {
		s.locksOf(key.User).drop(time.Now(), v.gone)
	}
	if v.fault != 0 && a.said == http.StatusMultiStatus {
		panic(http.ErrAbortHandler) // the list is not whole, and must not be taken for that
	}
}

// unknown answers who has no good password.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request, err error) {
	if r.Header.Get("Authorization") != "" { // programs ask without one first
		s.Tally.Refused("password")
	}
	status := http.StatusUnauthorized
	if errors.Is(err, password.ErrSlow) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	} else {
		w.Header().Set("WWW-Authenticate", `Basic realm="phyllo", charset="UTF-8"`)
	}
	http.Error(w, err.Error(), status)
}

// refuses checks what the library leaves to its user.
func (v *view) refuses() *refusal {
	r := v.r
	if !reads[r.Method] && !writes[r.Method] {
		return &refusal{http.StatusMethodNotAllowed, "", "this method is not offered"}
	}
	if no := v.refusesPath(r.URL.Path, writes[r.Method]); no != nil {
		return no
	}
	switch r.Method {
	case "PROPFIND":
		if d := r.Header.Get("Depth"); d != "0" && d != "1" {
			return &refusal{http.StatusForbidden, "depth", `<?xml version="1.0"?><D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>`}
		}
	case "PUT":
		if r.Header.Get("Content-Range") != "" {
			return &refusal{http.StatusNotImplemented, "", "a part of a file cannot be put: put the whole"}
		}
	case "GET":
		if strings.Count(r.Header.Get("Range"), ",") >= maxRanges {
			r.Header.Del("Range")
		}
	case "LOCK":
		r.Header.Set("Timeout", timeout(r.Header.Get("Timeout")))
	case "COPY", "MOVE":
		return v.refusesMove()
	}
	return nil
}

// refusesMove checks where a copy or a move goes.
func (v *view) refusesMove() *refusal {
	u, err := url.Parse(v.r.Header.Get("Destination"))
	if err != nil || u.Path == "" {
		return &refusal{http.StatusBadRequest, "destination", "Destination is no address"}
	}
	if no := v.refusesPath(u.Path, true); no != nil {
		return no
	}
	from, to := path.Clean(v.r.URL.Path)+"/", path.Clean(u.Path)+"/"
	_, below := split(v.r.URL.Path)
	if below == "" || from != to && (strings.HasPrefix(to, from) || strings.HasPrefix(from, to)) {
		return &refusal{http.StatusForbidden, "", "nothing can be moved or copied into itself or what it is in, nor a whole space"}
	}
	if v.r.Header.Get("Overwrite") == "" {
		v.r.Header.Set("Overwrite", "T") // RFC 4918, 10.6
	}
	return nil
}

// refusesPath checks the name of a file and the space that it is in.
func (v *view) refusesPath(p string, change bool) *refusal {
	space, name := split(p)
	if space == "" {
		if change {
			return &refusal{http.StatusForbidden, "", "here are spaces alone: make one with `phyllo space create`"}
		}
		return nil
	}
	if !strings.HasPrefix(p, "/") {
		return &refusal{http.StatusBadRequest, "path", "the path does not begin with a slash"}
	}
	if name != "" {
		if err := files.CheckName(name); err != nil {
			return &refusal{http.StatusBadRequest, "path", err.Error()}
		}
	}
	if !v.key.May(space, false) {
		return &refusal{http.StatusForbidden, "", "the password is for another space: make one for the other with `phyllo key add --for webdav --space NAME`"}
	}
	if change && !v.key.May(space, true) {
		return &refusal{http.StatusForbidden, "", "the password is for reading alone: make another with `phyllo key add --for webdav`"}
	}
	return nil
}

// split is the space and the name in it that a path means.
func split(p string) (space, name string) {
	space, name, _ = strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return space, name
}

// body looks at XML before the library does.
func (v *view) body() error {
	switch v.r.Method {
	case "PROPFIND", "PROPPATCH", "LOCK":
	default:
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(v.r.Body, maxXML+1))
	if err != nil || len(b) > maxXML {
		return front.ErrXML
	}
	if len(b) > 0 {
		if err := front.CheckXML(b); err != nil {
			return err
		}
	}
	if v.r.Method == "LOCK" && len(b) > 0 {
		b, v.shared = unshare(b)
	}
	v.r.Body, v.r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return nil
}

// answering says what the space has said, where the library knows one status for
// everything.
type answering struct {
	http.ResponseWriter
	v    *view
	said int
}

// Unwrap is for http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answering) WriteHeader(status int) {
	if a.said != 0 {
		return // the library says it again after a list that has failed
	}
	if status >= 400 && a.v.fault != 0 {
		status = a.v.fault
	}
	if status == http.StatusServiceUnavailable {
		a.Header().Set("Retry-After", "5")
	}
	a.said = status
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answering) Write(b []byte) (int, error) {
	if a.said == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.v.shared {
		return a.ResponseWriter.Write(b)
	}
	if _, err := a.ResponseWriter.Write(told(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}
