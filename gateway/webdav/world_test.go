package webdav_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a door with spaces in memory behind it, and a password for the space s.
type world struct {
	t      *testing.T
	spaces files.Spaces
	book   *password.Book
	tally  *front.Tally
	url    string
	key    password.Key
	secret string
	client *http.Client
}

// of is whose spaces a door asks for: there are none but ann's.
func of(user string, spaces files.Spaces) files.Spaces {
	if user != "ann" {
		return memory.New(0)
	}
	return spaces
}

func open(t *testing.T) *world { return openOn(t, memory.New(64<<20)) }

func openOn(t *testing.T, spaces files.Spaces) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, spaces: spaces, tally: front.NewTally("webdav", log), client: &http.Client{Transport: &http.Transport{}}}
	still := time.Now() // so that a slow machine does not change who is slowed down
	var err error
	if w.book, err = password.Open(filepath.Join(t.TempDir(), "p"), func() time.Time { return still }); err != nil {
		t.Fatal(err)
	}
	w.newKey("s", false)
	h := webdav.New(webdav.Config{Spaces: func(user string) files.Spaces { return of(user, spaces) }, Book: w.book, Tally: w.tally, Log: log})
	s, err := front.Start(front.Config{Addr: "127.0.0.1:0", Handler: h, Tally: w.tally, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.url = s.URL()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Close(ctx)
	})
	return w
}

// newKey has the following requests made with another password.
func (w *world) newKey(space string, readOnly bool) {
	w.t.Helper()
	var err error
	if w.key, w.secret, err = w.book.Add(password.Key{Door: password.WebDAV, User: "ann", Space: space, ReadOnly: readOnly}); err != nil {
		w.t.Fatal(err)
	}
}

// start makes the space.
func (w *world) start() *world {
	w.t.Helper()
	w.do("MKCOL", "/s", "").has(w.t, 201, "")
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (a answer) has(t *testing.T, status int, text string) answer {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Fatalf("answer %d %s, want %d and %q", a.status, a.body, status, text)
	}
	return a
}

// do sends a request. Headers are "name: value".
func (w *world) do(method, target, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth(w.key.ID, w.secret)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, strings.ReplaceAll(v, "URL", w.url))
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), err}
}

// program finds a client, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		t.Skip("client missing: " + name)
	}
	return found
}

// run runs a client, with what it types.
func (w *world) run(in, typed string, argv ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir, c.Stdin = in, strings.NewReader(typed)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + in, "TMPDIR=" + in, "LANG=C.UTF-8", "TERM=dumb"}
	out, err := c.CombinedOutput()
	return string(out), err
}
