package account_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const number = 1

var (
	authority = standin.NewSigner(1, 0)
	ann       = standin.NewSigner(2, 1)
	ring      = peer.RingID(authority.Public())
	verifier  = standin.Verifier{}
)

// world is a ring whose nodes keep accounts, above a storage that is the test's own.
type world struct {
	t         testing.TB
	net       *kbrtest.Net
	admission *peer.Admission
	members   []*member
	tune      func(*account.Config)
}

// member is one node with what survives its death.
type member struct {
	w        *world
	node     *kbrtest.Node
	accounts *account.Accounts
	signer   *standin.Signer
	cert     *peer.Certificate
	disk     *mem.Store
	shelf    []*held
	offers   int64
	blank    bool // it has not heard yet what it should have
}

// held is one object on a member's shelf.
type held struct {
	object  id.Hash
	copies  int
	content []byte
	gone    bool
}

func newWorld(t testing.TB, n int, c kbrtest.Config, tune func(*account.Config)) *world {
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
	m.start(func(mount kbr.Mount) *kbrtest.Node {
		return w.net.Add(&peer.Handle{ID: m.cert.Node, Key: m.signer.Public(), Incarnation: 1}, mount)
	})
	w.members = append(w.members, m)
	return m
}

func (m *member) start(begin func(kbr.Mount) *kbrtest.Node) {
	m.w.t.Helper()
	c := account.Default()
	c.Ring, c.Signer, c.Verifier, c.Store, c.Storage = ring, m.signer, verifier, m.disk, m
	c.Certificate = func() *peer.Certificate { return m.cert }
	if m.w.tune != nil {
		m.w.tune(&c)
	}
	a, err := account.New(c)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.accounts = a
	m.node = begin(kbr.Mount{Number: number, App: a})
}

// restart starts a dead node with what is on its disk.
func (m *member) restart() {
	m.disk = m.disk.Clone()
	m.start(func(mount kbr.Mount) *kbrtest.Node { return m.w.net.Restart(m.node, mount) })
}

// Near implements account.Storage.
func (m *member) Near(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	if set := m.node.Endpoint(number).ReplicaSet(key, k); len(set) > 0 {
		return set, nil
	}
	var hs []*peer.Handle
	for _, n := range m.w.net.Nearest(key, k) {
		hs = append(hs, n.Self())
	}
	return hs, nil
}

func (m *member) find(o id.Hash) *held {
	for _, h := range m.shelf {
		if h.object == o {
			return h
		}
	}
	return nil
}

// State implements account.Storage.
func (m *member) State(o id.Hash) account.State {
	switch h := m.find(o); {
	case h == nil && m.blank:
		return account.Unsure
	case h == nil:
		return account.Absent
	case h.gone:
		return account.Gone
	}
	return account.Kept
}

// Heard implements account.Storage.
func (m *member) Heard() bool { return !m.blank }

// Common implements account.Storage.
func (m *member) Common(with id.ID, n int) (size int64, drawn []id.Hash) {
	for _, h := range m.shelf {
		if h.gone || !slices.ContainsFunc(m.w.net.Nearest(h.object.Place(), h.copies), func(x *kbrtest.Node) bool { return x.Self().ID == with }) {
			continue
		}
		size += int64(len(h.content))
		if len(drawn) < n {
			drawn = append(drawn, h.object)
		}
	}
	return size, drawn
}

// Prove implements account.Storage.
func (m *member) Prove(_ *task.T, o id.Hash, nonce uint64) (id.Hash, error) {
	h := m.find(o)
	if h == nil || h.gone {
		return id.Hash{}, errors.New("not here")
	}
	return account.Proof(nonce, h.content), nil
}

// Offered implements account.Storage.
func (m *member) Offered() int64 { return m.offers }

func (w *world) live() (ms []*member) {
	for _, m := range w.members {
		if m.node.Alive() {
			ms = append(ms, m)
		}
	}
	return ms
}

// check checks what must hold at every moment.
func (w *world) check() {
	w.t.Helper()
	for _, m := range w.live() {
		if err := m.accounts.Check(); err != nil {
			w.t.Error(err)
		}
	}
}

// nearest returns the members nearest to a key, nearest first.
func (w *world) nearest(key id.ID, n int) (ms []*member) {
	for _, node := range w.net.Nearest(key, n) {
		for _, m := range w.members {
			if m.node == node {
				ms = append(ms, m)
			}
		}
	}
	return ms
}

// voters returns those who vote about a member's account.
func (w *world) voters(m *member) (vs []*member) {
	vs = slices.DeleteFunc(w.nearest(m.cert.Node, 6), func(x *member) bool { return x == m })
	if len(vs) == 0 {
		return []*member{m}
	}
	return vs
}

// file is the certificate of a file.
func file(n, size, copies int) *certificate.Certificate {
	content := contentOf(n, size)
	return (&certificate.Certificate{Kind: certificate.File, Part: certificate.NamePart([]byte("space"), fmt.Sprint(n)), Salt: peer.Salt{1},
		Content: certificate.ContentHash(content), Size: int64(size), Copies: uint8(copies)}).
		Sign(ring, ann, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
}

func contentOf(n, size int) []byte { return bytes.Repeat([]byte{byte(n)}, size) }

func chargeOf(c *certificate.Certificate) voucher.Charge {
	return voucher.Charge{Object: c.ID(), Size: c.Size, Copies: c.Copies}
}

// patience is longer than any call takes.
const patience = 5 * time.Minute

func (m *member) pay(c *certificate.Certificate, until time.Time) (p *voucher.Payment, err error) {
	err = m.node.Call(patience, func(t *task.T) (err error) {
		p, err = m.accounts.Pay(t, chargeOf(c), until)
		return err
	})
	return p, err
}

func (m *member) admit(p *voucher.Payment, c *certificate.Certificate) error {
	return m.node.Call(patience, func(t *task.T) error { return m.accounts.Admit(t, p, c) })
}

func (m *member) refund(o id.Hash) error {
	return m.node.Call(patience, func(t *task.T) error { return m.accounts.Refund(t, o) })
}

func (m *member) balance() (b account.Balance, err error) {
	err = m.node.Call(patience, func(t *task.T) (err error) {
		b, err = m.accounts.Balance(t)
		return err
	})
	return b, err
}

// put lays an object on the shelves of its holders, whoever of them is alive, and tells
// those that are what paid for it.
func (w *world) put(c *certificate.Certificate, n int, p *voucher.Payment) {
	for _, m := range w.holders(c) {
		m.shelf = append(m.shelf, &held{object: c.ID(), copies: int(c.Copies), content: contentOf(n, int(c.Size))})
		if p != nil && m.node.Alive() {
			var b store.Batch
			account.PutSlip(&b, m.accounts.Slip(p))
			if err := m.disk.Apply(&b); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// move gives those who are nearest to an object now what others have of it, as upkeep does.
func (w *world) move() {
	for _, m := range slices.Clone(w.members) {
		for _, h := range m.shelf {
			for _, x := range w.nearest(h.object.Place(), h.copies) {
				if x.find(h.object) == nil {
					x.shelf = append(x.shelf, h)
				}
			}
		}
	}
}

// holders are the nearest of all nodes that ever were.
func (w *world) holders(c *certificate.Certificate) []*member {
	all := slices.Clone(w.members)
	slices.SortFunc(all, func(x, y *member) int {
		if id.Closer(c.ID().Place(), x.cert.Node, y.cert.Node) {
			return -1
		}
		return 1
	})
	return all[:min(int(c.Copies), len(all))]
}

// take takes it away, as its owner wants.
func (w *world) take(c *certificate.Certificate) {
	for _, m := range w.members {
		if h := m.find(c.ID()); h != nil {
			h.gone = true
		}
	}
}

// mustUse fails unless each of those who vote about a member's account says that it has used
// so much.
func (w *world) mustUse(m *member, want int64) {
	w.t.Helper()
	for _, v := range w.voters(m) {
		if got, votes := v.accounts.Used(m.cert.Node); got != want || !votes {
			w.t.Errorf("%s says that %s has used %d (votes: %v), want %d", v.node.Self(), m.node.Self(), got, votes, want)
		}
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
