package control_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// fresh is a node that is another one for each request.
type fresh struct{ api.Node }

// FuzzRequest gives the control interface requests as they come from the network:
// each has an answer of a known kind, and who has no cookie is not let in.
// The host "page" and the cookie "good" stand for the right ones.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: page\r\nCookie: good\r\n\r\n", "GET /v1/status HTTP/1.1\r\nHost: page\r\n\r\n", "GET /v1/status HTTP/1.1\r\nHost: x\r\nCookie: good\r\n\r\n",
		"POST /v1/user/add HTTP/1.1\r\nHost: page\r\nCookie: good\r\nOrigin: http://page\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}",
		"POST /v1/user/export HTTP/1.1\r\nHost: page\r\nCookie: good\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /../../etc/passwd HTTP/1.1\r\nHost: page\r\nCookie: good\r\n\r\n", "GET /%2e%2e%2f%00 HTTP/1.1\r\nHost: page\r\nCookie: good\r\n\r\n",
		"GET /enter?ticket=x HTTP/1.1\r\nHost: page\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: page\r\nCookie: good\r\n\r\n", "GET /v1/events HTTP/1.1\r\nHost: page\r\nCookie: good\r\nAccept: text/event-stream\r\n\r\n",
		"GET /app.js HTTP/1.1\r\nHost: page\r\nCookie: good\r\nRange: bytes=0-1,1-2,-1\r\nIf-None-Match: *\r\n\r\n", "TRACE * HTTP/1.1\r\nHost: page\r\n\r\n", "CONNECT page:1 HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	node := &fresh{}
	s := serve(f, func(c *control.Config) { c.Node = node })
	page, socket := s.Handlers()
	node.Node = fakenode.New()
	good, host := s.login(f), strings.TrimPrefix(s.UI(), "http://")
	f.Fuzz(func(t *testing.T, b []byte) {
		let := false
		for i, h := range []http.Handler{page, socket} {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
			if err != nil {
				return
			}
			if r.Host == "page" {
				r.Host = host
			}
			if r.Header.Get("Origin") == "http://page" {
				r.Header.Set("Origin", "http://"+host)
			}
			if r.Header.Get("Cookie") == "good" {
				let = true
				r.Header.Set("Cookie", good)
			}
			ctx, cancel := context.WithCancel(t.Context())
			if r.URL.Path == "/v1/events" {
				cancel() // it has no end of its own
			}
			node.Node = fakenode.New()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(ctx))
			cancel()
			checkAnswer(t, r, w, i == 0 && !let)
		}
	})
}

// checkAnswer looks at what was answered; strange is set for who has no cookie.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder, strange bool) {
	t.Helper()
	ours := strings.HasPrefix(r.URL.Path, "/v1/") && r.URL.Path != "/v1/events" && r.URL.Path != "/v1/stop"
	switch {
	case http.StatusText(w.Code) == "":
		t.Errorf("%s %q: status %d", r.Method, r.RequestURI, w.Code)
	case strange && w.Code < 400 && r.URL.Path != "/health":
		t.Errorf("%s %q: status %d for a stranger", r.Method, r.RequestURI, w.Code)
	case ours && !json.Valid(w.Body.Bytes()):
		t.Errorf("%s %q: %q is no JSON", r.Method, r.RequestURI, w.Body)
	}
	if w.Code >= 400 && ours {
		var e struct{ Error *api.Error }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == nil || e.Error.Text == "" {
			t.Errorf("%s %q: status %d without a reason: %q", r.Method, r.RequestURI, w.Code, w.Body)
		}
	}
}
