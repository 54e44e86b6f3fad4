package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

// half begins to send a body of 600 bytes, of which 300 come, and waits until these take room.
func (w *world) half(m *memory.Memory, target string) (goAway func()) {
	w.Helper()
	free := m.Free()
	body := strings.Repeat("x", 600)
	r := w.Request("PUT", target, body)
	w.sign(r, body, time.Now())
	conn := w.Half(r, 300)
	w.Until("half of it has come", func() bool { return m.Free() == free-300 })
	return func() {
		w.Helper()
		if err := conn.Close(); err != nil {
			w.Error(err)
		}
		w.Until("its room is free again", func() bool { return m.Free() == free })
	}
}

// TestClientGoesAway: of a file whose sender goes away before its end nothing is seen, neither before nor after,
// and nothing of it is kept; what was there stays, and an upload in parts goes on.
func TestClientGoesAway(t *testing.T) {
	m := memory.New(1000)
	w := openOn(t, m).start()
	w.do("PUT", "/bbb/a", "the old one").Has(t, 200, "")
	for _, target := range []string{"/bbb/a", "/bbb/new"} {
		away := w.half(m, target)
		w.do("GET", "/bbb/a", "").Has(t, 200, "the old one")
		away()
	}
	w.do("GET", "/bbb/a", "").Has(t, 200, "the old one")
	w.do("GET", "/bbb/new", "").Has(t, 404, "NoSuchKey")

	id := w.begin("a")
	one := w.part(id, 1, "one ")
	w.half(m, "/bbb/a?partNumber=1&uploadId="+id)()
	w.half(m, "/bbb/a?partNumber=2&uploadId="+id)()
	if body := w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "").Body; strings.Count(body, "<Part>") != 1 || element(body, "Size") != "4" {
		t.Errorf("parts: %s", body)
	}
	two := w.part(id, 2, "two")
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, 200, "")
	w.do("GET", "/bbb/a", "").Has(t, 200, "one two")
	if got := m.Free(); got != int64(1000-len("one two")) {
		t.Errorf("at the end there is room for %d bytes", got)
	}
}
