package webdav_test

import (
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

// TestClientGoesAway: of a file whose sender goes away before its end nothing is seen, neither before nor after,
// and nothing of it is kept; what was there stays.
func TestClientGoesAway(t *testing.T) {
	m := memory.New(1000)
	w := openOn(t, m).start()
	w.do("PUT", "/s/old", "the old one").Has(t, 201, "")
	free := m.Free()
	for _, target := range []string{"/s/old", "/s/new"} {
		r := w.Request("PUT", target, strings.Repeat("x", 600))
		r.SetBasicAuth(w.Key.ID, w.Secret)
		conn := w.Half(r, 300)
		w.Until("half of it has come", func() bool { return m.Free() == free-300 })
		w.do("GET", "/s/old", "").Has(t, 200, "the old one")
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		w.Until("its room is free again", func() bool { return m.Free() == free })
	}
	w.do("GET", "/s/old", "").Has(t, 200, "the old one")
	w.do("GET", "/s/new", "").Has(t, 404, "")
}
