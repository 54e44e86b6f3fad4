package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// policy restricts what the page may load to what this server gives.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// maxFile bounds one file of the page, in bytes.
const maxFile = 16 << 20

// servePage serves a browser on this computer.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	for k, v := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
	} {
		w.Header().Set(k, v)
	}
	if !slices.Contains(s.door.hosts, r.Host) {
		s.refuse(w, http.StatusMisdirectedRequest, "page-host", "the host is not this page's address")
		return
	}
	origin := r.Header.Values("Origin")
	if len(origin) > 1 || len(origin) == 1 && origin[0] != "http://"+r.Host || len(origin) == 0 && r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.refuse(w, http.StatusForbidden, "page-origin", "the origin is not this page")
		return
	}
	ours := strings.HasPrefix(r.URL.Path, "/v1/")
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case ours && site != "" && site != "same-origin":
		s.refuse(w, http.StatusForbidden, "page-origin", "the request comes from another site")
	case r.URL.Path == "/enter":
		s.enter(w, r)
	case r.URL.Path == "/health":
		s.health(w, r)
	case r.URL.Path == "/metrics" && (s.cfg.OpenMetrics || s.door.knows(r)):
		s.metrics(w, r)
	case !s.door.knows(r):
		s.stranger(w, ours)
	case r.URL.Path == "/v1/events":
		s.events(w, r)
	case r.URL.Path == api.StreamUsers:
		s.search(w, r)
	case r.URL.Path == api.StreamPublish:
		s.publish(w, r)
	case r.URL.Path == api.StreamSubscribe:
		s.subscribe(w, r)
	case r.URL.Path == api.StreamWorkOffer:
		s.workOffer(w, r)
	case r.URL.Path == api.StreamWorkTake:
		s.workTake(w, r)
	case r.URL.Path == api.StreamPut:
		s.filePut(w, r)
	case r.URL.Path == api.StreamGet:
		s.download(w, r)
	case ours:
		s.operate(w, r, false)
	default:
		s.file(w, r)
	}
}

// ticket answers the command line, which wants to open the page.
func (s *Server) ticket(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r, false)
	if !ok {
		return
	}
	if err := decode(body, &struct{}{}); err != nil {
		s.counts.refused("control-json", "a request body")
		s.failed(w, "ui/ticket", err)
		return
	}
	if s.door == nil {
		s.failed(w, "ui/ticket", errors.New("the page is off at this node: stop it and start it without `--ui off`"))
		return
	}
	t, err := s.door.ticket()
	if err != nil {
		s.failed(w, "ui/ticket", err)
		return
	}
	s.counts.request("ui/ticket", "ok")
	s.answer(w, http.StatusOK, t)
}

// enter sets the cookie for a ticket. The cookie is strict, so a browser that came
// from elsewhere would not send it after a redirect: this page leads on instead.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is not GET")
		return
	}
	c, ok := s.door.enter(r.URL.Query().Get("ticket"))
	if !ok {
		s.counts.refused("page-ticket", "a ticket that is used up, too old or wrong")
		s.text(w, http.StatusForbidden, "This address has been used, or is too old. Open the page again with the command: phyllo ui", "")
		return
	}
	http.SetCookie(w, c)
	s.text(w, http.StatusOK, "Opening phyllo …", `<meta http-equiv="refresh" content="0; url=/">`)
}

// stranger answers who has no cookie.
func (s *Server) stranger(w http.ResponseWriter, ours bool) {
	s.counts.refused("page-cookie", "a request without a session")
	if ours {
		s.fail(w, http.StatusUnauthorized, api.Errorf(api.Denied, "this page is not open any more: open it again with `phyllo ui`"))
		return
	}
	s.text(w, http.StatusUnauthorized, "This is the page of a phyllo node. Its owner opens it with the command: phyllo ui", "")
}

// text answers with one sentence. head may hold fixed HTML.
func (s *Server) text(w http.ResponseWriter, status int, sentence, head string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.WriteHeader(status)
	io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>phyllo</title>`+
		head+"<p>"+sentence+"</p></html>\n")
}

// types of the files that a page has; the system's own table is not asked, as it
// differs.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp",
	".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
}

// file serves one file of the page.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is neither GET nor HEAD")
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	b, err := s.read(name)
	if err != nil {
		s.text(w, http.StatusNotFound, "There is no such page here.", "")
		return
	}
	sum := sha256.Sum256(b)
	kind, ok := types[path.Ext(name)]
	if !ok {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache") // ask, and get 304
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// read returns a file of the page; hidden ones are not of it.
func (s *Server) read(name string) ([]byte, error) {
	hidden := func(part string) bool { return strings.HasPrefix(part, ".") }
	if s.cfg.Files == nil || !fs.ValidPath(name) || slices.ContainsFunc(strings.Split(name, "/"), hidden) {
		return nil, fs.ErrNotExist
	}
	f, err := s.cfg.Files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxFile {
		return nil, fs.ErrNotExist
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}
