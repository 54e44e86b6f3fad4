package member_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	memstore "github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	memnet "github.com/phyllo-net/phyllo/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network of nodes in one process, with a clock that tests set.
type world struct {
	t   testing.TB
	net *memnet.Network // nil: real connections on loopback

	mu  sync.Mutex
	now time.Time
}

func newWorld(t testing.TB) *world {
	return &world{t: t, net: memnet.NewNetwork(), now: time.Unix(1_800_000_000, 0)}
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// box is one machine: a disk, keys, and the process that runs on it.
type box struct {
	*member.Member
	w      *world
	name   string
	signer *keys.Signer
	folder string
	disk   *memstore.Store
	tr     *wires
	addr   string
	adjust func(*member.Config)
	faults *faults
	ends   sync.WaitGroup
}

func (w *world) box(name string, adjust ...func(*member.Config)) *box {
	w.t.Helper()
	s, err := keys.NewSigner(keys.Random())
	if err != nil {
		w.t.Fatal(err)
	}
	b := &box{w: w, name: name, signer: s, folder: filepath.Join(w.t.TempDir(), name), disk: memstore.New(),
		addr: "mem:" + name, faults: &faults{}}
	if err := os.Mkdir(b.folder, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if len(adjust) > 0 {
		b.adjust = adjust[0]
	}
	b.start()
	w.t.Cleanup(b.stop)
	return b
}

// start begins a process on what the disk holds.
func (b *box) start() {
	b.w.t.Helper()
	cfg := member.Config{Folder: b.folder, Node: b.signer, Store: &shared{s: b.disk, f: b.faults}, Now: b.w.time}
	if b.adjust != nil {
		b.adjust(&cfg)
	}
	m, err := member.Open(context.Background(), cfg)
	if err != nil {
		b.w.t.Fatal(err)
	}
	tr, err := b.connect(transport.Config{Events: noEvents{}, Check: m.Check})
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.Member, b.tr = m, &wires{Transport: tr, f: b.faults}
	b.faults.onDeath(func() { b.ends.Go(func() { tr.Close() }) })
	m.Serve(b.tr)
}

func (b *box) connect(cfg transport.Config) (transport.Transport, error) {
	if b.w.net != nil {
		cfg.Listen = []string{b.addr}
		return b.w.net.Join(b.key(), cfg)
	}
	cfg.Private, cfg.Listen = b.signer.Seed(), []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
	return libp2p.New(cfg, libp2p.Options{})
}

func (b *box) stop() {
	b.Member.Close()
	b.tr.Close()
	b.ends.Wait()
}

// restart ends the process, if it still runs, and begins another.
func (b *box) restart() {
	b.w.t.Helper()
	b.stop()
	b.disk = b.disk.Clone()
	b.faults = &faults{}
	b.start()
}

func (b *box) key() peer.Key { return b.signer.Public() }

type noEvents struct{}

func (noEvents) Up(*peer.Handle, *peer.Certificate)          {}
func (noEvents) Frame(*peer.Handle, transport.Class, []byte) {}
func (noEvents) Down(*peer.Handle, transport.Why)            {}

var errDead = errors.New("the process was killed")

// faults ends a process at one of its steps: the writes to its disk, and what it
// sends and receives.
type faults struct {
	mu    sync.Mutex
	steps int
	at    int  // the step at which it dies; 0: never
	after bool // when the step is done, not before
	dead  bool
	end   func()

	words     int    // that it sends, until meanwhile is called
	meanwhile func() // before that
}

// before has f called before the process sends for the nth time from now on.
func (f *faults) before(n int, meanwhile func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.words, f.meanwhile = n, meanwhile
}

// sends is called before the process sends.
func (f *faults) sends() {
	f.mu.Lock()
	f.words--
	now := f.meanwhile
	if f.words == 0 {
		f.meanwhile = nil
	} else {
		now = nil
	}
	f.mu.Unlock()
	if now != nil {
		now()
	}
}

func (f *faults) onDeath(end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end = end
}

// killAt lets the process die at its nth step from now on.
func (f *faults) killAt(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps, f.at, f.after = 0, n, after
}

func (f *faults) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// step does one step, unless the process is dead, or dies before it.
func (f *faults) step(do func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return errDead
	}
	f.steps++
	dies := f.at > 0 && f.steps == f.at
	after := f.after
	if dies && !after {
		f.dead = true
	}
	f.mu.Unlock()
	if dies && !after {
		f.end()
		return errDead
	}
	err := do()
	if dies {
		f.mu.Lock()
		f.dead = true
		f.mu.Unlock()
		f.end()
		return errDead
	}
	return err
}

// shared makes the simulator's store one for many goroutines, with faults.
type shared struct {
	mu sync.Mutex
	s  *memstore.Store
	f  *faults
}

func (s *shared) write(do func() error) error {
	return s.f.step(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return do()
	})
}

func (s *shared) Put(t store.Table, k, v []byte) error {
	return s.write(func() error { return s.s.Put(t, k, v) })
}
func (s *shared) Delete(t store.Table, k []byte) error {
	return s.write(func() error { return s.s.Delete(t, k) })
}
func (s *shared) Apply(b *store.Batch) error { return s.write(func() error { return s.s.Apply(b) }) }

func (s *shared) Get(t store.Table, k []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f.isDead() {
		return nil, errDead
	}
	return s.s.Get(t, k)
}

func (s *shared) Scan(t store.Table, r store.Range, fn func(k, v []byte) bool) error {
	type record struct{ k, v []byte }
	var all []record
	s.mu.Lock()
	err := s.s.Scan(t, r, func(k, v []byte) bool { all = append(all, record{k, v}); return true })
	s.mu.Unlock()
	for _, e := range all {
		if !fn(e.k, e.v) {
			break
		}
	}
	return err
}

func (s *shared) Close() error { return nil }

// wires is a transport with faults.
type wires struct {
	transport.Transport
	f *faults
}

func (w *wires) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (transport.Stream, error) {
	if w.f.isDead() {
		return nil, errDead
	}
	s, err := w.Transport.Open(ctx, key, addrs, protocol)
	if err != nil {
		return nil, err
	}
	return &line{Stream: s, f: w.f}, nil
}

func (w *wires) Serve(protocol string, f func(transport.Stream)) {
	if f == nil {
		w.Transport.Serve(protocol, nil)
		return
	}
	w.Transport.Serve(protocol, func(s transport.Stream) { f(&line{Stream: s, f: w.f}) })
}

type line struct {
	transport.Stream
	f *faults
}

func (w *line) Write(b []byte) (n int, err error) {
	w.f.sends()
	err = w.f.step(func() error { n, err = w.Stream.Write(b); return err })
	return n, err
}

func (w *line) Read(b []byte) (n int, err error) {
	if w.f.isDead() {
		return 0, errDead
	}
	n, err = w.Stream.Read(b)
	if w.f.isDead() {
		return 0, errDead
	}
	return n, err
}

func (w *line) Close() error {
	if w.f.isDead() {
		return w.Stream.Reset()
	}
	return w.Stream.Close()
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return c
}

// founder is a box that has founded a ring.
func (w *world) founder() *box {
	w.t.Helper()
	b := w.box("founder")
	if err := b.Found("Family"); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (b *box) invite(o invite.Options) *invite.Invitation {
	b.w.t.Helper()
	v, err := b.Invite(ctx(b.w.t), o)
	if err != nil {
		b.w.t.Fatal(err)
	}
	back, err := invite.Parse(v.String()) // as people carry it
	if err != nil {
		b.w.t.Fatal(err)
	}
	return back
}

// joinBy admits b by an invitation of a's.
func (b *box) joinBy(a *box) *member.Joined {
	b.w.t.Helper()
	j, err := b.Redeem(ctx(b.w.t), a.invite(invite.Options{}))
	if err != nil {
		b.w.t.Fatal(err)
	}
	return j
}

// council is a ring with its founder and n-1 more admitters.
func (w *world) council(n int) []*box {
	w.t.Helper()
	bs := []*box{w.founder()}
	for i := 1; i < n; i++ {
		b := w.box(fmt.Sprintf("admitter%d", i))
		j := b.joinBy(bs[0])
		if err := bs[0].Promote(ctx(w.t), j.Certificate.Node); err != nil {
			w.t.Fatal(err)
		}
		bs = append(bs, b)
	}
	return bs
}

func fails(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func containsText(err error, s string) bool { return strings.Contains(err.Error(), s) }

// authorityFile is where a founder keeps the authority's key.
func authorityFile(t *testing.T, b *box) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.folder, "ring-*.key"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// removeAuthority takes the authority's key away from a founder.
func removeAuthority(t *testing.T, b *box) {
	t.Helper()
	if err := os.Remove(authorityFile(t, b)); err != nil {
		t.Fatal(err)
	}
	b.restart()
}
