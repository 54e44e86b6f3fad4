package directory_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const number = 1

// toy signs and verifies without cryptography: who knows a public key could forge, and
// no test does.
type toy struct{ key peer.Key }

func newToy(name string, n int) toy { return toy{peer.Key(id.HashOf("toy key", name, n))} }

func (s toy) Public() peer.Key { return s.key }

func (s toy) Sign(message []byte) []byte {
	a := id.HashOf("toy signature", s.key[:], message)
	b := id.HashOf("toy signature 2", s.key[:], message)
	return append(a[:], b[:]...)
}

type toyVerifier struct{}

func (toyVerifier) Verify(k peer.Key, message, sig []byte) bool {
	return string(toy{k}.Sign(message)) == string(sig)
}

// world is a ring whose nodes run a directory.
type world struct {
	t         testing.TB
	net       *kbrtest.Net
	authority toy
	admitter  toy
	admission *peer.Admission
	members   []*member
	tune      func(*directory.Config)
}

// member is one node with what survives its death.
type member struct {
	w      *world
	node   *kbrtest.Node
	dir    *directory.Directory
	signer toy
	cert   *peer.Certificate
	disk   *mem.Store
	lost   []string
}

func (w *world) ring() id.Hash { return peer.RingID(w.authority.Public()) }

// newWorld starts n nodes, in a network with these properties.
func newWorld(t testing.TB, n int, c kbrtest.Config, tune func(*directory.Config)) *world {
	t.Helper()
	w := &world{t: t, net: kbrtest.New(c), authority: newToy("authority", 0), admitter: newToy("admitter", 0), tune: tune}
	w.admission = peer.NewAdmission(w.authority, w.admitter.Public(), w.now())
	t.Cleanup(func() {
		w.checkAll()
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
func (w *world) join() *member { return w.joinWith(peer.Salt{byte(len(w.members)), 7}) }

// joinIn starts one more node, whose id lies in this arc.
func (w *world) joinIn(arc id.Range) *member {
	key := newToy("node", len(w.members)).Public()
	var salt peer.Salt
	for n := uint16(0); !arc.Contains(peer.NodeID(key, salt)); n++ {
		binary.BigEndian.PutUint16(salt[:], n)
	}
	return w.joinWith(salt)
}

func (w *world) joinWith(salt peer.Salt) *member {
	m := &member{w: w, signer: newToy("node", len(w.members)), disk: mem.New()}
	m.cert = peer.NewCertificate(w.admitter, w.admission, m.signer.Public(), salt, w.now())
	m.start(func(mount kbr.Mount) *kbrtest.Node {
		return w.net.Add(&peer.Handle{ID: m.cert.Node, Key: m.signer.Public(), Incarnation: 1}, mount)
	})
	w.members = append(w.members, m)
	return m
}

func (m *member) start(begin func(kbr.Mount) *kbrtest.Node) {
	m.w.t.Helper()
	c := directory.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = m.w.ring(), m.signer, toyVerifier{}, m.disk
	c.Certificate = func() *peer.Certificate {
		if wall := m.node.Wall(); wall.After(m.cert.RenewAt()) {
			m.cert = peer.NewCertificate(m.w.admitter, m.w.admission, m.signer.Public(), m.cert.Salt, wall)
		}
		return m.cert
	}
	c.CacheFor = 0
	c.Events.Lost = func(n directory.Name, own, rival peer.Key) {
		m.lost = append(m.lost, fmt.Sprint(n, " ", own == rival))
	}
	if m.w.tune != nil {
		m.w.tune(&c)
	}
	d, err := directory.New(c)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.dir = d
	m.node = begin(kbr.Mount{Number: number, App: d})
}

// restart starts a dead node with what is on its disk.
func (m *member) restart() {
	m.start(func(mount kbr.Mount) *kbrtest.Node { return m.w.net.Restart(m.node, mount) })
}

func (w *world) checkAll() {
	for _, m := range w.members {
		if m.node.Alive() {
			if err := m.dir.Check(); err != nil {
				w.t.Error(err)
			}
		}
	}
}

func (w *world) directories() (ds []*directory.Directory) {
	for _, m := range w.members {
		if m.node.Alive() {
			ds = append(ds, m.dir)
		}
	}
	return ds
}

// holders returns the members that should keep a name, nearest first.
func (w *world) holders(n directory.Name) (ms []*member) {
	for _, node := range w.net.Nearest(n.Key(), 5) {
		for _, m := range w.members {
			if m.node == node {
				ms = append(ms, m)
			}
		}
	}
	return ms
}

// others returns the members that are not among ms.
func (w *world) others(ms []*member) (rest []*member) {
next:
	for _, m := range w.members {
		for _, x := range ms {
			if x == m {
				continue next
			}
		}
		rest = append(rest, m)
	}
	return rest
}

func nodes(ms []*member) (ns []*kbrtest.Node) {
	for _, m := range ms {
		ns = append(ns, m.node)
	}
	return ns
}

// record is a signed record of a toy person.
func (w *world) record(name string, who toy, version uint64, devices ...*member) *directory.Record {
	n, err := directory.ParseName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &directory.Record{Name: n, Version: version, SealKey: peer.SealKey("seal"), SealNumber: 1,
		Profile: directory.Profile{FullName: "Full " + name}}
	for _, m := range devices {
		r.Devices = append(r.Devices, &directory.Device{Node: m.cert.Node, Since: 1})
	}
	return r.Sign(w.ring(), who, w.now())
}

func (m *member) put(r *directory.Record) error {
	return m.node.Call(3*time.Minute, func(t *task.T) error { return m.dir.Put(t, r) })
}

func (m *member) lookup(name directory.Name) (f directory.Found, err error) {
	err = m.node.Call(3*time.Minute, func(t *task.T) error {
		var err error
		f, err = m.dir.Lookup(t, name)
		return err
	})
	return f, err
}

// mustPut claims a name for a person, or changes his record.
func (w *world) mustPut(m *member, r *directory.Record) {
	w.t.Helper()
	if err := m.put(r); err != nil {
		w.t.Fatalf("put %s: %v", r.Name, err)
	}
}

// mustFind fails unless m believes this key and version.
func (w *world) mustFind(m *member, r *directory.Record) {
	w.t.Helper()
	f, err := m.lookup(r.Name)
	if err != nil {
		w.t.Fatalf("look up %s: %v", r.Name, err)
	}
	if f.Record.Identity != r.Identity || f.Record.Version != r.Version {
		w.t.Fatalf("look up %s: got %s version %d, want %s version %d", r.Name, directory.Fingerprint(f.Record.Identity),
			f.Record.Version, directory.Fingerprint(r.Identity), r.Version)
	}
	if f.Agree < f.Of/2+1 {
		w.t.Fatalf("look up %s: believed at %d of %d", r.Name, f.Agree, f.Of)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
