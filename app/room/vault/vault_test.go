package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/app/room/vault"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var (
	authority = standin.NewSigner(1, 0)
	ann       = standin.NewSigner(2, 1)
	eve       = standin.NewSigner(2, 2)
)

// world is a ring whose nodes have a vault.
type world struct {
	*testing.T
	life    time.Duration // of what is put
	net     *kbrtest.Net
	members []*member
}

type member struct {
	w     *world
	node  *kbrtest.Node
	vault *vault.Vault
}

func newWorld(t *testing.T, n int) *world {
	w := &world{T: t, life: time.Hour, net: kbrtest.New(kbrtest.Config{Seed: uint64(n)})}
	t.Cleanup(w.net.Close)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		signer, disk := standin.NewSigner(3, uint64(i)), mem.New()
		cert := peer.NewCertificate(authority, peer.NewAdmission(authority, authority.Public(), now), signer.Public(), peer.Salt{byte(i), 7}, now)
		c := past.Default()
		c.Ring, c.Signer, c.Verifier, c.Store, c.Blobs = peer.RingID(authority.Public()), signer, standin.Verifier{}, disk, disk.Blobs()
		c.Certificate = func() *peer.Certificate { return cert }
		p, err := past.New(c)
		if err != nil {
			t.Fatal(err)
		}
		node := w.net.Add(&peer.Handle{ID: cert.Node, Key: signer.Public(), Incarnation: 1}, kbr.Mount{Number: 1, App: p})
		w.members = append(w.members, &member{w, node, vault.New(p)})
	}
	w.net.Run(10 * time.Second)
	return w
}

func (m *member) do(f func(*task.T) error) error { return m.node.Call(5*time.Minute, f) }

func (m *member) put(content []byte) (x id.Hash) {
	m.w.Helper()
	if err := m.do(func(t *task.T) (err error) {
		x, err = m.vault.Put(t, content, m.node.Wall().Add(m.w.life), ann)
		return err
	}); err != nil {
		m.w.Fatal(err)
	}
	return x
}

func (m *member) get(x id.Hash) (content []byte, err error) {
	err = m.do(func(t *task.T) (err error) { content, err = m.vault.Get(t, x); return err })
	return content, err
}

func (m *member) remove(x id.Hash, owner peer.Signer) error {
	return m.do(func(t *task.T) error { return m.vault.Remove(t, x, owner) })
}

func (m *member) current(owner peer.Signer) (f shelf.Found, err error) {
	err = m.do(func(t *task.T) (err error) { f, err = m.vault.Current(t, owner.Public(), "head"); return err })
	return f, err
}

func (m *member) change(owner peer.Signer, e shelf.Edit) error {
	return m.do(func(t *task.T) error { return m.vault.Change(t, owner, "head", e) })
}

// reads fails unless the member finds this content and version, and these rivals.
func (m *member) reads(content string, version uint64, rivals ...string) (f shelf.Found) {
	m.w.Helper()
	f, err := m.current(ann)
	var got []string
	for _, r := range f.Rivals {
		got = append(got, string(r.Content))
	}
	if slices.Sort(got); err != nil || string(f.Content) != content || f.Version != version || !slices.Equal(got, rivals) {
		m.w.Fatalf("got %.20q in version %d besides %q, %v; want %q in %d besides %q", f.Content, f.Version, got, err, content, version, rivals)
	}
	return f
}

func (w *world) wantErr(what string, got, want error) {
	w.Helper()
	if !errors.Is(got, want) {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// TestPacks: what is put on the shelf is there for all, small and large, also when two of those who keep
// it are gone, until its owner takes it back, and nobody else does, or until it ends.
func TestPacks(t *testing.T) {
	w := newWorld(t, 12)
	a, b := w.members[0], w.members[1]
	_, err := a.get(id.HashOf("nothing"))
	w.wantErr("what never was there", err, shelf.ErrNothing)
	var objects []id.Hash
	for _, size := range []int{1, 1000, 40 << 10, 100 << 10, shelf.MaxObject} {
		content := bytes.Repeat([]byte{byte(size >> 3), 7}, size/2+1)[:size]
		x := a.put(content)
		if err := b.do(func(t *task.T) error {
			ends, err := b.vault.Ends(t, x)
			if now := b.node.Wall(); err == nil && (ends.Before(now) || ends.After(now.Add(w.life))) {
				err = fmt.Errorf("it ends in %v, want %v", ends.Sub(now), w.life)
			}
			return err
		}); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if again := a.put(content); again == x {
			t.Error("two objects have one id")
		}
		if size == 1000 {
			for _, n := range w.net.Nearest(x.Place(), 2) {
				if n != a.node && n != b.node {
					n.Kill()
				}
			}
		}
		if got, err := b.get(x); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("of %d bytes %d are read: %v", size, len(got), err)
		}
		objects = append(objects, x)
	}
	for _, x := range objects {
		if err := b.remove(x, eve); err == nil {
			t.Error("another one takes it back")
		}
		if _, err := b.get(x); err != nil {
			t.Errorf("after another one tried to take it back: %v", err)
		}
		// On any node, and once more.
		w.wantErr("its owner takes it back", b.remove(x, ann), nil)
		w.wantErr("once more", a.remove(x, ann), nil)
		_, err := a.get(x)
		w.wantErr("what was taken back", err, shelf.ErrNothing)
	}
	w.life = 10 * time.Minute
	for _, size := range []int{1000, shelf.MaxObject} {
		objects = append(objects, a.put(bytes.Repeat([]byte{7}, size)))
	}
	w.net.Run(w.life)
	for _, x := range objects[len(objects)-2:] {
		_, err := b.get(x)
		w.wantErr("what has ended", err, shelf.ErrNothing)
	}
}

// TestHeads: of two who change a head at once one is told so; what another signer puts under the same name
// is another object; and an older head takes no newer one's place.
func TestHeads(t *testing.T) {
	w := newWorld(t, 12)
	a, b := w.members[0], w.members[1]
	_, err := a.current(ann)
	w.wantErr("no head yet", err, shelf.ErrNothing)
	w.wantErr("the first", a.change(ann, shelf.Edit{Content: []byte("one")}), nil)
	w.wantErr("another first", b.change(ann, shelf.Edit{Content: []byte("two")}), shelf.ErrConflict)
	b.reads("one", 1)
	w.wantErr("eve's", b.change(eve, shelf.Edit{Content: []byte("forged")}), nil)
	w.wantErr("eve's second", b.change(eve, shelf.Edit{Replaces: 1, Content: []byte("forged again")}), nil)
	a.reads("one", 1)
	w.wantErr("the second", b.change(ann, shelf.Edit{Replaces: 1, Content: bytes.Repeat([]byte("x"), shelf.MaxContent)}), nil)
	w.wantErr("from an old one", a.change(ann, shelf.Edit{Replaces: 1, Content: []byte("stale")}), shelf.ErrConflict)
	w.wantErr("from one that never was", a.change(ann, shelf.Edit{Replaces: 7, Content: []byte("stale")}), shelf.ErrConflict)
	w.wantErr("the third", a.change(ann, shelf.Edit{Replaces: 2, Content: []byte("three")}), nil)
	if f := b.reads("three", 3); f.Apart {
		t.Error("all are there")
	}
}

// TestHeadsApart: where a ring is in two parts for long each goes on with the heads, and when they meet
// both are there until somebody has joined them.
func TestHeadsApart(t *testing.T) {
	w := newWorld(t, 6)
	w.wantErr("the first", w.members[0].change(ann, shelf.Edit{Content: []byte("one")}), nil)
	var groups [2][]*kbrtest.Node
	for i, m := range w.members {
		groups[i%2] = append(groups[i%2], m.node)
	}
	w.net.Partition(groups[:]...)
	w.net.Run(25 * time.Minute)
	for i, m := range w.members[:2] {
		w.wantErr("in a part", m.change(ann, shelf.Edit{Replaces: 1, Content: []byte{'a' + byte(i)}}), nil)
	}
	w.net.Heal()
	w.net.Run(5 * time.Minute)
	f, err := w.members[2].current(ann)
	if err != nil || len(f.Rivals) != 1 || string(f.Content)+string(f.Rivals[0].Content) != "ab" && string(f.Content)+string(f.Rivals[0].Content) != "ba" {
		t.Fatalf("got %+v, %v", f, err)
	}
	w.wantErr("joined", w.members[3].change(ann, shelf.Edit{Replaces: f.Version, Content: []byte("ab"), Resolves: []id.Hash{f.Rivals[0].Hash}}), nil)
	for _, m := range w.members {
		if f := m.reads("ab", f.Version+1); f.Apart {
			t.Error("they have met")
		}
	}
}
