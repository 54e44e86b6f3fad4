package space_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var (
	authority = standin.NewSigner(1, 0)
	ring      = peer.RingID(authority.Public())
	ann       = person("ann", 1)
	bob       = person("bob", 2)
	eve       = person("eve", 3)
)

func person(name string, number uint64) space.Person {
	return space.Person{Name: name, Signer: standin.NewSigner(2, number),
		Seals: []space.SealPair{{Number: 1, Opener: standin.NewOpener(2, number)}, {Number: 2, Opener: standin.NewOpener(3, number)}}}
}

// grant is somebody as an owner names him.
func grant(p space.Person, writes bool) space.Grant {
	return space.Grant{Key: p.Signer.Public(), Name: p.Name, Writes: writes, Number: 1, SealTo: p.Seals[0].Opener.SealKey()}
}

// world is a ring whose nodes have storage and spaces.
type world struct {
	t         testing.TB
	net       *kbrtest.Net
	admission *peer.Admission
	members   []*member
	piece     int                // the longest
	tune      func(*past.Config) // nil: nothing
	tending   func(*space.Config)
	waiting   []piece.Content // what a door means to go on with
}

type member struct {
	w      *world
	node   *kbrtest.Node
	past   *past.Past
	spaces *space.Spaces
	disk   *mem.Store
	signer peer.Signer
	cert   *peer.Certificate
	mounts func() []kbr.Mount
}

// newWorld returns a ring whose pieces are short, so that small files have many.
func newWorld(t testing.TB, n int, seed uint64) *world {
	t.Helper()
	return newWorldOf(t, n, seed, 4<<10)
}

func newWorldOf(t testing.TB, n int, seed uint64, piece int) *world {
	t.Helper()
	return newTunedWorld(t, n, seed, piece, nil)
}

func newTunedWorld(t testing.TB, n int, seed uint64, piece int, tune func(*past.Config)) *world {
	t.Helper()
	w := &world{t: t, net: kbrtest.New(kbrtest.Config{Seed: seed}), piece: piece, tune: tune}
	w.admission = peer.NewAdmission(authority, authority.Public(), w.now())
	t.Cleanup(func() {
		for _, m := range w.members {
			if m.node.Alive() {
				if err := m.past.Check(); err != nil {
					t.Error(err)
				}
			}
		}
		w.net.Close()
	})
	for i := range n {
		w.join(uint64(i))
	}
	w.net.Run(10 * time.Second)
	return w
}

func (w *world) now() time.Time {
	return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
}

func (w *world) join(i uint64) {
	m := &member{w: w, disk: mem.New()}
	signer := standin.NewSigner(3, i)
	cert := peer.NewCertificate(authority, w.admission, signer.Public(), peer.Salt{byte(i), 7}, w.now())
	m.signer, m.cert = signer, cert
	starts := uint64(0)
	m.mounts = func() []kbr.Mount {
		w.t.Helper()
		starts++
		pc := past.Default()
		pc.Ring, pc.Signer, pc.Verifier, pc.Store = ring, signer, standin.Verifier{}, m.disk
		pc.Blobs = m.disk.Blobs()
		pc.PeerWrites, pc.PeerReads = 1_000_000, 1_000_000
		pc.Certificate = func() *peer.Certificate { return cert }
		if w.tune != nil {
			w.tune(&pc)
		}
		p, err := past.New(pc)
		if err != nil {
			w.t.Fatal(err)
		}
		sc := space.Default()
		sc.Ring, sc.Past, sc.Verifier, sc.Store = ring, p, standin.Verifier{}, m.disk
		sc.Locker, sc.Sealer = standin.NewLocker(100*i+starts), standin.NewSealer(100*i+starts)
		if sc.Piece = w.piece; w.piece != longest {
			sc.Chunks = 1
		}
		if w.tending != nil {
			w.tending(&sc)
		}
		s, err := space.New(sc)
		if err != nil {
			w.t.Fatal(err)
		}
		m.past, m.spaces = p, s
		mounts := []kbr.Mount{{Number: 1, App: p}, {Number: 2, App: s}}
		if a := p.Accounts(); a != nil {
			mounts = append(mounts, kbr.Mount{Number: 3, App: a})
		}
		return mounts
	}
	m.node = w.net.Add(&peer.Handle{ID: cert.Node, Key: signer.Public(), Incarnation: 1}, m.mounts()...)
	w.members = append(w.members, m)
}

func (m *member) restart() {
	m.disk = m.disk.Clone()
	m.node = m.w.net.Restart(m.node, m.mounts()...)
}

// patience is longer than any call takes.
const patience = 20 * time.Minute

// do runs a task on a node.
func (m *member) do(f func(*task.T) error) error { return m.node.Call(patience, f) }

func (m *member) must(what string, f func(*task.T) error) {
	m.w.t.Helper()
	if err := m.do(f); err != nil {
		m.w.t.Fatalf("%s: %v", what, err)
	}
}

// create makes a space of ann's.
func (m *member) create(f space.Founding) (h space.Handle) {
	m.w.t.Helper()
	m.must("create", func(t *task.T) error {
		sp, err := m.spaces.Create(t, ann, f)
		if err == nil {
			h = sp.Handle()
		}
		return err
	})
	return h
}

// in runs a task with a space that is open for somebody.
func (m *member) in(p space.Person, h space.Handle, f func(*task.T, *space.Space) error) error {
	return m.do(func(t *task.T) error {
		sp, err := m.spaces.Open(t, p, h)
		if err != nil {
			return err
		}
		return f(t, sp)
	})
}

// putting stores content under a name.
func putting(t *task.T, sp *space.Space, name string, content []byte, c space.Cond) (*tree.Version, error) {
	u := sp.Begin(space.Storing{Copies: 3})
	if err := u.Write(t, content); err != nil {
		return nil, err
	}
	whole, err := u.Finish(t)
	if err != nil {
		return nil, err
	}
	v, fates, err := sp.Put(t, name, space.File{Content: whole, Copies: 3, Seen: u.Seen()}, c)
	u.Settle(fates.Content)
	return v, err
}

func (m *member) put(p space.Person, h space.Handle, name string, content []byte, c space.Cond) (v *tree.Version, err error) {
	err = m.in(p, h, func(t *task.T, sp *space.Space) (err error) {
		v, err = putting(t, sp, name, content, c)
		return err
	})
	return v, err
}

// get reads a version of a file.
func (m *member) get(p space.Person, h space.Handle, name string, number uint64) (b []byte, err error) {
	err = m.in(p, h, func(t *task.T, sp *space.Space) error {
		return sp.Look(t, func(sn space.Snapshot) error {
			v, err := sn.Version(name, number)
			if err != nil {
				return err
			}
			b, err = m.spaces.ReadAt(t, v.Content, 0, int(v.Size()))
			return err
		})
	})
	return b, err
}

// list lists the names that stand for something.
func (m *member) list(p space.Person, h space.Handle) (names []string) {
	m.w.t.Helper()
	if err := m.in(p, h, func(t *task.T, sp *space.Space) error {
		return sp.Look(t, func(sn space.Snapshot) error {
			names = nil
			return sn.Scan("", func(e *tree.Entry) (string, bool) {
				if sn.Alive(e.Current()) {
					names = append(names, e.Name)
				}
				return "", true
			})
		})
	}); err != nil {
		m.w.t.Fatal("list:", err)
	}
	return names
}

// objects is how many objects all nodes keep together.
func (w *world) objects() (n int) {
	for _, m := range w.members {
		if m.node.Alive() {
			n += m.past.Stats().Objects
		}
	}
	return n
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	rng.Read(b)
	return b
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func name(n int) string { return fmt.Sprintf("folder/%03d", n) }
