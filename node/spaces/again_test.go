package spaces_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// machine is a node with spaces, on which ann lives. It implements spaces.Node, and loop.Loop: virtual time passes while
// somebody waits.
type machine struct {
	node  *kbrtest.Node
	here  *spaces.Here
	ann   space.Person
	turns sync.Mutex
}

func (m *machine) Here() *spaces.Here                  { return m.here }
func (m *machine) Person(string) (space.Person, error) { return m.ann, nil }
func (m *machine) Changed()                            {}
func (m *machine) Done() <-chan struct{}               { return nil }

func (m *machine) Grantee(context.Context, string, string) (space.Grant, error) {
	return space.Grant{}, space.ErrNotFound
}

func (m *machine) Do(_ context.Context, f func(*task.T) error) error {
	m.turns.Lock()
	defer m.turns.Unlock()
	return m.node.Call(20*time.Minute, f)
}

func (m *machine) Call(_ context.Context, f func()) error {
	m.turns.Lock()
	defer m.turns.Unlock()
	m.node.Do(f)
	return nil
}

// open opens ann's space.
func (m *machine) open(t *testing.T) files.Space {
	t.Helper()
	s, err := spaces.Of(m, "ann").Space(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// machines makes a ring of five of ann's machines.
func machines(t *testing.T) (*kbrtest.Net, []*machine) {
	signer := func(n byte) peer.Signer {
		s, err := keys.SignerFromSeed(bytes.Repeat([]byte{n}, keys.SeedSize))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	authority := signer(1)
	net := kbrtest.New(kbrtest.Config{Seed: 1})
	t.Cleanup(net.Close)
	seal, err := keys.NewSealPair(1)
	if err != nil {
		t.Fatal(err)
	}
	ann := space.Person{Name: "ann", Signer: signer(2), Seals: []space.SealPair{{Number: 1, Opener: seal}}}
	begun := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	admission := peer.NewAdmission(authority, authority.Public(), begun)
	var ms []*machine
	for i := range byte(5) {
		m := &machine{ann: ann}
		own, disk := signer(3+i), mem.New()
		cert := peer.NewCertificate(authority, admission, own.Public(), peer.Salt{i, 7}, begun.Add(net.Elapsed()))
		pc := past.Default()
		pc.Ring, pc.Signer, pc.Verifier, pc.Store, pc.Blobs = peer.RingID(authority.Public()), own, keys.Verifier{}, disk, disk.Blobs()
		pc.PeerWrites, pc.PeerReads, pc.Patience = 1_000_000, 1_000_000, 5*time.Second
		pc.Certificate = func() *peer.Certificate { return cert }
		p, err := past.New(pc)
		if err != nil {
			t.Fatal(err)
		}
		m.here, err = spaces.New(spaces.Config{Ring: pc.Ring, Past: p, Store: disk, Verifier: keys.Verifier{}, Loop: m,
			Wall: func() time.Time { return begun.Add(net.Elapsed()) }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		m.node = net.Add(&peer.Handle{ID: cert.Node, Key: own.Public(), Incarnation: 1}, kbr.Mount{Number: 1, App: p}, kbr.Mount{Number: 2, App: m.here.App()})
		ms = append(ms, m)
	}
	net.Run(10 * time.Second)
	return net, ms
}

// long is more meta data than the directory has room for.
var long = files.Attrs{Meta: map[string]string{"user:long": strings.Repeat("long", 1000)}}

// put puts a file, of so many parts and with long meta data, as doors do: what it was made of is
// discarded in any case.
func put(t *testing.T, s files.Space, name string, parts int) {
	t.Helper()
	var drafts []files.Draft
	for i := range parts {
		d, err := s.Draft(t.Context(), -1, files.InCopies)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Discard()
		if _, err := fmt.Fprintf(d, "part %d of %s ", i, name); err != nil {
			t.Fatal(err)
		}
		drafts = append(drafts, d)
	}
	if _, err := s.Put(t.Context(), name, drafts, long, files.Cond{}); err != nil {
		t.Fatal(err)
	}
}

// hears has a function see what comes to the storage of all machines, which reports whether it has dealt with it.
func hears(ms []*machine, see func(*machine, wire.Message) bool) {
	for _, m := range ms {
		m.node.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool {
			x, err := msg.Decode(d.Payload)
			return app == 1 && err == nil && see(m, x)
		}
	}
}

// TestPutAgain: a majority makes a put through a door, or a copy with other meta data, whose answer is lost, as the machine loses
// sight of them. It makes the change again with contents of its own, and tells the door that it is made; of the copy the
// others remove what they have made. When they meet each version has its content and its meta data.
func TestPutAgain(t *testing.T) {
	for _, c := range []struct {
		what     string
		parts    int // 0: it is a copy
		content  string
		versions int
	}{{"a put", 1, "part 0 of file ", 2}, {"a put of two parts", 2, "part 0 of file part 1 of file ", 2}, {"a copy", 0, "part 0 of first ", 1}} {
		t.Run(c.what, func(t *testing.T) {
			net, ms := machines(t)
			if err := spaces.Of(ms[0], "ann").Create(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			root := ms[0]
			hears(ms, func(m *machine, x wire.Message) bool {
				if _, ok := x.(*msg.Update); ok {
					root = m
				}
				return false
			})
			put(t, ms[0].open(t), "first", 1)
			net.Run(time.Minute)
			b, a := ms[0], ms[1] // b is any that hears of the root's decisions
			if b == root {
				b, a = a, b
			}
			var others []*kbrtest.Node
			for _, m := range ms {
				if m != b {
					others = append(others, m.node)
				}
			}
			lost := false
			hears(ms, func(m *machine, x wire.Message) bool {
				q, ok := x.(*msg.Accept)
				if m != b || !ok || q.Cert == nil || lost {
					return false
				}
				lost = true
				net.Partition(others, []*kbrtest.Node{b.node})
				return true
			})
			if c.parts > 0 {
				put(t, b.open(t), "file", c.parts)
			} else {
				if _, err := b.open(t).Copy(t.Context(), files.Ref{Name: "first"}, "file", &long, files.Cond{}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.open(t).Remove(t.Context(), "file", "", files.Cond{}); err != nil {
					t.Fatal(err)
				}
				net.Run(10 * time.Minute)
			}
			if !lost {
				t.Fatal("the answer came")
			}
			net.Heal()
			net.Run(10 * time.Minute)
			for _, m := range ms {
				s := m.open(t)
				page, err := s.Versions(t.Context(), files.Query{Prefix: "file", Limit: 10})
				if err != nil || len(page.Entries) != c.versions {
					t.Fatalf("%d versions are there, %v", len(page.Entries), err)
				}
				for _, e := range page.Entries {
					if e.Meta["user:long"] != long.Meta["user:long"] {
						t.Errorf("its meta data is %v", e.Meta)
					}
					r, err := s.Read(t.Context(), e.Name, e.Version, 0, -1)
					if err != nil {
						t.Fatal(err)
					}
					if b, err := io.ReadAll(r); err != nil || string(b) != c.content {
						t.Errorf("a version has %q, %v, want %q", b, err, c.content)
					}
					r.Close()
				}
			}
		})
	}
}
