package webdav_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/webdav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the door WebDAV, with a password for the space s.
type world struct{ *doortest.World }

func open(t *testing.T) *world { return openOn(t, memory.New(64<<20)) }

func openOn(t *testing.T, spaces files.Spaces) *world {
	t.Helper()
	w := &world{doortest.New(t, password.WebDAV, spaces, "s")}
	w.Open(webdav.New(webdav.Config{Spaces: w.Of, Book: w.Book, Tally: w.Tally, Log: w.Logger}))
	return w
}

// start makes the space.
func (w *world) start() *world {
	w.Helper()
	w.do("MKCOL", "/s", "").Has(w, 201, "")
	return w
}

// do sends a request with the password.
func (w *world) do(method, target, body string, headers ...string) doortest.Answer {
	w.Helper()
	r := w.Request(method, target, body, headers...)
	r.SetBasicAuth(w.Key.ID, w.Secret)
	return w.Send(r)
}
