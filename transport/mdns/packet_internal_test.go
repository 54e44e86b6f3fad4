package mdns

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
)

func drawRing(t *rapid.T) *Ring {
	r := &Ring{
		Name: rapid.StringMatching(`[a-zA-Z0-9äöü ._-]{1,32}`).Draw(t, "name"),
		Ring: id.HashOf("x", rapid.String().Draw(t, "ring")),
		Node: id.ID{Hi: rapid.Uint64().Draw(t, "node"), Lo: 1},
	}
	copy(r.Key[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
	r.Key[0] |= 1
	for range rapid.IntRange(1, 5).Draw(t, "addrs") {
		r.Addrs = append(r.Addrs, rapid.StringMatching(`[a-z0-9/.:=-]{1,128}`).Draw(t, "addr"))
	}
	return r
}

func TestAnnouncementRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRing(t)
		b, err := announce(r, lifetime)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > maxPacket {
			t.Fatalf("a packet of %d bytes", len(b))
		}
		got := read(b)
		if len(got) != 1 {
			t.Fatalf("%d rings in it", len(got))
		}
		if d := cmp.Diff(*r, got[0]); d != "" {
			t.Fatal(d)
		}
		if isQuestion(b) {
			t.Fatal("an announcement is no question")
		}
		if b, err = announce(r, 0); err != nil || len(read(b)) != 0 {
			t.Fatalf("what is taken back is not found: %v", err)
		}
	})
}

func TestQuestion(t *testing.T) {
	q, err := ask()
	if err != nil || !isQuestion(q) || len(read(q)) != 0 {
		t.Errorf("%v", err)
	}
}

// Names that a terminal would not show as what they are, and texts that lack
// something, are no announcement.
func TestBadAnnouncements(t *testing.T) {
	good := []string{"v=1", "ring=" + strings.Repeat("ab", 32), "name=x", "node=" + strings.Repeat("1", 32),
		"key=" + peer.Key{1}.String(), "a=/ip4/1.2.3.4/tcp/1", "future=y", "nothing"}
	if _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		less := append(append([]string{}, good[:i]...), good[i+1:]...)
		if _, err := parse(less); err == nil {
			t.Errorf("taken without %s", good[i])
		}
		if _, err := parse(append(append([]string{}, good...), good[i])); err == nil && i < 5 {
			t.Errorf("taken with %s twice", good[i])
		}
	}
	for _, bad := range []string{"name=", "name=a\x1b[2Jb", "name=a\nb", "name=\xff", "name=a\u202eb", "name=" + strings.Repeat("x", 65),
		"v=2", "ring=ab", "node=x", "node=" + strings.Repeat("0", 32), "key=AAAA", "key=" + peer.Key{}.String(), "a=", "a=" + strings.Repeat("x", 129), "a=a\x00"} {
		k, _, _ := strings.Cut(bad, "=")
		var txt []string
		for _, g := range good {
			if !strings.HasPrefix(g, k+"=") {
				txt = append(txt, g)
			}
		}
		if _, err := parse(append(txt, bad)); err == nil {
			t.Errorf("taken with %q", bad)
		}
	}
	if _, err := announce(&Ring{Name: "a\x07"}, 1); err == nil {
		t.Error("a name that rings a bell is announced")
	}
}

func FuzzRead(f *testing.F) {
	q, err := ask()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q)
	r := &Ring{Name: "x", Node: id.ID{Hi: 1}, Key: peer.Key{1}, Addrs: []string{"/ip4/1.2.3.4/tcp/1"}}
	a, err := announce(r, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a)
	f.Add(a[:len(a)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { isQuestion(b); read(b) })
		isQuestion(b)
		for _, r := range read(b) {
			if checkName(r.Name) != nil || len(r.Addrs) == 0 || len(r.Addrs) > peer.MaxAddrs || r.Key.IsZero() {
				t.Fatalf("taken: %+v", r)
			}
			if _, err := announce(&r, 1); err != nil {
				t.Fatal(err)
			}
		}
	})
}
