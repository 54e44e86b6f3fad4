package past_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// The applications' numbers; accounts are there if a test wants them.
const (
	number   = 1
	accounts = 2
)

var (
	authority = standin.NewSigner(1, 0)
	ann       = standin.NewSigner(2, 1)
	eve       = standin.NewSigner(2, 2)
	ring      = peer.RingID(authority.Public())
	verifier  = standin.Verifier{}
)

// world is a ring whose nodes run a past.
type world struct {
	t         testing.TB
	net       *kbrtest.Net
	admission *peer.Admission
	members   []*member
	tune      func(*past.Config)
}

// member is one node with what survives its death.
type member struct {
	w      *world
	node   *kbrtest.Node
	past   *past.Past
	signer *standin.Signer
	cert   *peer.Certificate
	disk   *mem.Store
}

// newWorld starts n nodes, in a network with these properties.
func newWorld(t testing.TB, n int, c kbrtest.Config, tune func(*past.Config)) *world {
	t.Helper()
	w := &world{t: t, net: kbrtest.New(c), tune: tune}
	w.admission = peer.NewAdmission(authority, authority.Public(), w.now())
	t.Cleanup(func() {
		w.check()
		w.net.Close()
	})
	for range n {
		w.join()
	}
	w.net.Run(10 * time.Second)
	return w
}

func (w *world) now() time.Time {
	return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
}

// join starts one more node.
func (w *world) join() *member {
	m := &member{w: w, signer: standin.NewSigner(3, uint64(len(w.members))), disk: mem.New()}
	m.cert = peer.NewCertificate(authority, w.admission, m.signer.Public(), peer.Salt{byte(len(w.members)), 7}, w.now())
	m.start(func(mounts ...kbr.Mount) *kbrtest.Node {
		return w.net.Add(&peer.Handle{ID: m.cert.Node, Key: m.signer.Public(), Incarnation: 1}, mounts...)
	})
	w.members = append(w.members, m)
	return m
}

func (m *member) start(begin func(...kbr.Mount) *kbrtest.Node) {
	m.w.t.Helper()
	c := past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store, c.Blobs = ring, m.signer, verifier, m.disk, m.disk.Blobs()
	c.Certificate = func() *peer.Certificate { return m.cert }
	if m.w.tune != nil {
		m.w.tune(&c)
	}
	p, err := past.New(c)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.past = p
	mounts := []kbr.Mount{{Number: number, App: p}}
	if a := p.Accounts(); a != nil {
		mounts = append(mounts, kbr.Mount{Number: accounts, App: a})
	}
	m.node = begin(mounts...)
}

// restart starts a dead node with what is on its disk.
func (m *member) restart() {
	m.disk = m.disk.Clone()
	m.start(func(mounts ...kbr.Mount) *kbrtest.Node { return m.w.net.Restart(m.node, mounts...) })
}

func (w *world) live() (ms []*member) {
	for _, m := range w.members {
		if m.node.Alive() {
			ms = append(ms, m)
		}
	}
	return ms
}

func (w *world) pasts() (ps []*past.Past) {
	for _, m := range w.live() {
		ps = append(ps, m.past)
	}
	return ps
}

// check checks what must hold at every moment.
func (w *world) check() {
	w.t.Helper()
	for _, p := range w.pasts() {
		if err := p.Check(); err != nil {
			w.t.Error(err)
		}
	}
}

// whole checks that every object is where it belongs, and right.
func (w *world) whole(exact bool) {
	w.t.Helper()
	if err := past.CheckReplicas(exact, w.pasts()...); err != nil {
		w.t.Error(err)
	}
	for _, p := range w.pasts() {
		if err := p.CheckDisk(); err != nil {
			w.t.Error(err)
		}
	}
}

// nearest returns the members nearest to an object, nearest first.
func (w *world) nearest(o id.Hash, n int) (ms []*member) {
	for _, node := range w.net.Nearest(o.Place(), n) {
		for _, m := range w.members {
			if m.node == node {
				ms = append(ms, m)
			}
		}
	}
	return ms
}

func (w *world) outside(ms []*member) *member {
	for _, m := range w.live() {
		if !slices.Contains(ms, m) {
			return m
		}
	}
	return nil
}

// patience is longer than any call takes.
const patience = 3 * time.Minute

func (m *member) insert(f past.File) (s past.Stored, err error) {
	err = m.node.Call(patience, func(t *task.T) (err error) {
		s, err = m.past.Insert(t, f, ann)
		return err
	})
	return s, err
}

func (m *member) store(c *certificate.Certificate, content string) (s past.Stored, err error) {
	err = m.node.Call(patience, func(t *task.T) (err error) {
		s, err = m.past.Store(t, c, []byte(content))
		return err
	})
	return s, err
}

func (m *member) lookup(o id.Hash) (f past.Found, err error) {
	err = m.node.Call(patience, func(t *task.T) (err error) {
		f, err = m.past.Lookup(t, o)
		return err
	})
	return f, err
}

func (m *member) reclaim(o id.Hash, owner peer.Signer) error {
	return m.node.Call(patience, func(t *task.T) error { return m.past.Reclaim(t, o, owner) })
}

// file is a small file.
func file(content string, copies int) past.File {
	return past.File{Part: certificate.NamePart([]byte("space"), "name"), Content: []byte(content), Copies: copies}
}

// mustInsert stores a file and checks the receipts.
func (w *world) mustInsert(m *member, f past.File) id.Hash {
	w.t.Helper()
	s, err := m.insert(f)
	if err != nil {
		w.t.Fatalf("insert: %v", err)
	}
	w.checkStored(s)
	return s.Certificate.ID()
}

// checkStored checks the receipts as somebody who has only these: they are of k different
// members, or of all (S1), and each of them has it on its disk.
func (w *world) checkStored(s past.Stored) {
	w.t.Helper()
	holders := make(map[id.ID]bool)
	for _, r := range s.Receipts {
		if err := r.Verify(ring, s.Certificate.ID(), s.Certificate.Hash(ring), w.now(), verifier); err != nil {
			w.t.Error(err)
		}
		holders[r.Holder.Node] = true
		for _, m := range w.members {
			if o := s.Certificate.ID(); m.cert.Node == r.Holder.Node {
				if _, err := m.disk.Get(past.ContentTable, o[:]); err != nil {
					w.t.Errorf("%s gave a receipt, and its disk says: %v", m.node.Self(), err)
				}
			}
		}
	}
	if n := min(int(s.Certificate.Copies), len(w.net.Nodes())); len(holders) < n {
		w.t.Errorf("%d holders, want %d", len(holders), n)
	}
}

// mustFind fails unless m reads this content.
func (w *world) mustFind(m *member, o id.Hash, content string) {
	w.t.Helper()
	f, err := m.lookup(o)
	if err != nil {
		w.t.Fatalf("look up %s: %v", o.Place().Short(), err)
	}
	if !bytes.Equal(f.Content, []byte(content)) || f.Certificate.ID() != o {
		w.t.Fatalf("look up %s: got %q, want %q", o.Place().Short(), f.Content, content)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func name(n int) string { return fmt.Sprintf("content number %d", n) }

// storing is a task that stores an object.
func storing(m *member, c *certificate.Certificate, content string) func(*task.T) error {
	return func(t *task.T) error {
		_, err := m.past.Store(t, c, []byte(content))
		return err
	}
}
