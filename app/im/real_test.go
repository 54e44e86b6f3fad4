package im_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// Tests with the real directory and the real cryptography.

const directoryNumber = 1

// recorder notes what was sealed to.
type recorder struct {
	keys.Sealer
	to []peer.SealKey
}

func (r *recorder) Seal(to peer.SealKey, info, plain []byte) ([]byte, error) {
	r.to = append(r.to, to)
	return r.Sealer.Seal(to, info, plain)
}

// realNode is a node with a directory and the room.
type realNode struct {
	*im.IM
	dir   *directory.Directory
	node  *kbrtest.Node
	seals *recorder
}

type realRing struct {
	testing.TB
	net       *kbrtest.Net
	source    *rand.ChaCha8
	authority *keys.Signer
	admission *peer.Admission
	nodes     []*realNode
}

func (r *realRing) signer() *keys.Signer {
	s, err := keys.NewSigner(r.source)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *realRing) id() id.Hash { return peer.RingID(r.authority.Public()) }

func newRealRing(t testing.TB, n int) *realRing {
	r := &realRing{TB: t, net: kbrtest.New(kbrtest.Config{Seed: 1}), source: rand.NewChaCha8([32]byte{1})}
	t.Cleanup(r.net.Close)
	r.authority = r.signer()
	r.admission = peer.NewAdmission(r.authority, r.authority.Public(), r.now())
	for range n {
		r.join()
	}
	r.net.Run(10 * time.Second)
	return r
}

func (r *realRing) now() time.Time {
	return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(r.net.Elapsed())
}

func (r *realRing) join() *realNode {
	s := r.signer()
	cert := peer.NewCertificate(r.authority, r.admission, s.Public(), peer.Salt{byte(len(r.nodes))}, r.now())
	n := &realNode{seals: &recorder{}}
	disk := mem.New()
	c := directory.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = r.id(), s, keys.Verifier{}, disk
	c.Certificate = func() *peer.Certificate { return cert }
	var err error
	if n.dir, err = directory.New(c); err != nil {
		r.Fatal(err)
	}
	if n.IM, err = im.New(im.Default(), im.Deps{Ring: r.id(), Store: disk, Directory: n.dir, Verifier: keys.Verifier{}, Sealer: n.seals}); err != nil {
		r.Fatal(err)
	}
	n.node = r.net.Add(&peer.Handle{ID: cert.Node, Key: s.Public(), Incarnation: 1},
		kbr.Mount{Number: directoryNumber, App: n.dir}, kbr.Mount{Number: appNumber, App: n.IM})
	r.nodes = append(r.nodes, n)
	return n
}

// person lets a new user live on a node and claim a name.
func (r *realRing) person(name string, n *realNode) im.User {
	r.Helper()
	pair, err := keys.NewSealPair(1)
	if err != nil {
		r.Fatal(err)
	}
	u := im.User{Name: name, Signer: r.signer(), Seals: []im.SealPair{{Number: 1, Opener: pair}}}
	rec := (&directory.Record{Name: directory.Name(name), SealKey: pair.SealKey(), SealNumber: 1, Version: 1,
		Devices: []*directory.Device{{Node: n.node.Self().ID}}}).Sign(r.id(), u.Signer, r.now())
	if err := n.node.Call(5*time.Minute, func(t *task.T) error {
		if err := n.AddUser(u); err != nil {
			return err
		}
		return n.dir.Put(t, rec)
	}); err != nil {
		r.Fatal(err)
	}
	return u
}

func (r *realRing) call(n *realNode, f func(*task.T) error) {
	r.Helper()
	if err := n.node.Call(5*time.Minute, f); err != nil {
		r.Fatal(err)
	}
}

func TestWithRealKeysAndDirectory(t *testing.T) {
	r := newRealRing(t, 7)
	a, b := r.nodes[0], r.nodes[3]
	alice, bob := r.person("alice", a), r.person("bob", b)
	var sent []letter.MsgID
	for i := range 5 {
		r.call(a, func(t *task.T) error {
			m, _, err := a.Send(t, alice.Key(), "bob", fmt.Sprint("hello ", i))
			sent = append(sent, m)
			return err
		})
	}
	r.call(b, func(t *task.T) error {
		_, _, err := b.Send(t, bob.Key(), "alice", "hello back")
		return err
	})
	r.call(a, func(t *task.T) error {
		for _, m := range sent {
			if msg, err := a.Await(t, alice.Key(), m, im.Delivered, 10*time.Second); err != nil || msg.State != im.Delivered {
				return fmt.Errorf("%v, %w", msg.State, err)
			}
		}
		return nil
	})
	r.call(b, func(t *task.T) error {
		list, err := b.Inbox(t, bob.Key(), im.InboxOptions{Unread: true, NoRequests: true})
		if got := texts(list); !slices.Equal(got, []string{"hello 0", "hello 1", "hello 2", "hello 3", "hello 4"}) {
			return fmt.Errorf("inbox: %q, %w", got, err)
		}
		for _, m := range list {
			if m.With.Name != "alice" || !m.With.Proven() {
				return fmt.Errorf("from %+v", m.With)
			}
		}
		return b.MarkRead(t, bob.Key(), list[0].ID, list[4].ID)
	})
	r.call(a, func(t *task.T) error {
		msg, err := a.Await(t, alice.Key(), sent[4], im.Read, 10*time.Second)
		if msg.State != im.Read {
			return fmt.Errorf("%v, %w", msg.State, err)
		}
		return err
	})
}

// One of the five who keep a name lies about it: nothing is ever sealed to the key
// that he gives. (If all five lie they are believed: that is the limit, and shows
// that this liar lies well.)
func TestNothingIsSealedToALyingHoldersKey(t *testing.T) {
	r := newRealRing(t, 9)
	holders := r.net.Nearest(directory.Name("bob").Key(), 5)
	var others []*realNode
	for _, n := range r.nodes {
		if !slices.Contains(holders, n.node) {
			others = append(others, n)
		}
	}
	a, b := others[0], others[1]
	bob := r.person("bob", b)

	// What a liar says comes from a ring of his own, in which the name is eve's.
	shadow := newRealRing(t, 0)
	shadow.authority, shadow.admission = r.authority, r.admission
	evil := shadow.join()
	shadow.net.Run(10 * time.Second)
	eve := shadow.person("bob", evil)
	lied := 0
	lie := func(app uint16App, d *kbr.Delivery) bool {
		if app != directoryNumber {
			return false
		}
		lied++
		evil.node.Do(func() { evil.dir.Deliver(d) })
		shadow.net.Run(time.Second)
		return true
	}

	for i := range 6 {
		alice := r.person(fmt.Sprint("alice", i), a) // who has pinned nothing yet
		for j, h := range holders {
			h.OnDeliver = nil
			if j == i || i == 5 {
				h.OnDeliver = lie
			}
		}
		r.net.Run(2 * time.Minute) // what was verified is forgotten
		a.seals.to, lied = nil, 0
		r.call(a, func(t *task.T) error {
			_, _, err := a.Send(t, alice.Key(), "bob", "for bob alone")
			return err
		})
		r.net.Run(time.Minute)
		want := bob
		if i == 5 {
			want = eve
		}
		for _, k := range a.seals.to {
			if !bytes.Equal(k, want.Seals[0].Opener.SealKey()) {
				t.Fatalf("liar %d: sealed to another key", i)
			}
		}
		if lied == 0 || len(a.seals.to) == 0 {
			t.Errorf("liar %d was asked %d times, %d letters were sealed", i, lied, len(a.seals.to))
		}
	}
}
