// Package doortest is a door with spaces in memory behind it, and the programs that come through it:
// the world of the tests of gateway/s3 and gateway/webdav.
package doortest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
)

// World is a door, and a password of ann's that opens it.
type World struct {
	*testing.T
	Spaces files.Spaces // ann's; there is nobody else
	Book   *password.Book
	Tally  *front.Tally
	Logger *slog.Logger
	Client *http.Client

	URL    string // once it is open
	Door   password.Door
	Key    password.Key
	Secret string

	server *front.Server
}

// New returns a door that is not open yet, and makes a password for one space.
func New(t *testing.T, door password.Door, spaces files.Spaces, space string) *World {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &World{T: t, Spaces: spaces, Tally: front.NewTally(string(door), log), Logger: log, Door: door,
		Client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	still := time.Now() // so that a slow machine does not change who is slowed down
	var err error
	if w.Book, err = password.Open(filepath.Join(t.TempDir(), "p"), func() time.Time { return still }); err != nil {
		t.Fatal(err)
	}
	w.NewKey(space, false)
	t.Cleanup(func() {
		w.Client.CloseIdleConnections()
		w.Close()
	})
	return w
}

// Of is whose spaces a door asks for.
func (w *World) Of(user string) files.Spaces {
	if user != "ann" {
		return memory.New(0)
	}
	return w.Spaces
}

// Open opens the door with a handler behind it, in the place of the one that was there.
func (w *World) Open(h http.Handler) {
	w.Helper()
	w.Close()
	s, err := front.Start(front.Config{Addr: "127.0.0.1:0", Handler: h, Tally: w.Tally, Log: w.Logger})
	if err != nil {
		w.Fatal(err)
	}
	w.server, w.URL = s, s.URL()
}

// Close shuts the door.
func (w *World) Close() {
	if w.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.server.Close(ctx)
	w.server = nil
}

// NewKey has the following requests made with another password.
func (w *World) NewKey(space string, readOnly bool) {
	w.Helper()
	var err error
	if w.Key, w.Secret, err = w.Book.Add(password.Key{Door: w.Door, User: "ann", Space: space, ReadOnly: readOnly}); err != nil {
		w.Fatal(err)
	}
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Err    error // of reading the body
}

// Has fails the test unless the answer has this status, and this text in its body.
func (a Answer) Has(t testing.TB, status int, text string) Answer {
	t.Helper()
	if a.Status != status || !strings.Contains(a.Body, text) {
		t.Fatalf("answer %d %s, want %d and %q", a.Status, a.Body, status, text)
	}
	return a
}

// Request makes one that nobody has signed. Headers are "name: value"; URL in a value is the
// door's address.
func (w *World) Request(method, target, body string, headers ...string) *http.Request {
	w.Helper()
	r, err := http.NewRequest(method, w.URL+target, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, strings.ReplaceAll(v, "URL", w.URL))
	}
	return r
}

// Send sends a request.
func (w *World) Send(r *http.Request) Answer {
	w.Helper()
	resp, err := w.Client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(b), err}
}

// Half sends a request and so many bytes of its body, and then nothing more. The caller closes the
// connection, as a program does that goes away.
func (w *World) Half(r *http.Request, sent int) net.Conn {
	w.Helper()
	var all bytes.Buffer
	if err := r.Write(&all); err != nil {
		w.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		w.Fatal(err)
	}
	head := bytes.Index(all.Bytes(), []byte("\r\n\r\n")) + 4
	if _, err := conn.Write(all.Bytes()[:head+sent]); err != nil {
		w.Fatal(err)
	}
	return conn
}

// Until fails the test unless something comes true soon.
func (w *World) Until(what string, good func() bool) {
	w.Helper()
	for end := time.Now().Add(30 * time.Second); !good(); {
		if time.Now().After(end) {
			w.Fatalf("%s: not so", what)
		}
	}
}
