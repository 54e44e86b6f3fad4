package host_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text is the toy's message.
type text struct {
	Body string `cbor:"1,keyasint"`
}

func (*text) Kind() wire.Kind { return 1 }

// Check breaks on one text, as a decoder with a bug does.
func (m *text) Check() error {
	if m.Body == "break the decoder" {
		panic("a bug in a decoder")
	}
	return nil
}

// question is a message that costs its receiver an answer.
type question struct {
	Number uint64 `cbor:"1,keyasint"`
}

func (*question) Kind() wire.Kind { return 3 }
func (*question) Asks()           {}

var table = wire.NewTable((*text)(nil), (*question)(nil))

func handle(n uint8) *peer.Handle {
	return &peer.Handle{ID: id.Tiny(n), Key: peer.Key{n}, Incarnation: 1, Addrs: []string{fmt.Sprintf("mem:%d", n)}}
}

// toy is a machine that tells what happens to it, and does what a test says.
type toy struct {
	*machine.Kernel
	self *peer.Handle
	on   func(*toy, machine.Input) // may be nil

	mu    sync.Mutex
	story []string
}

func (m *toy) Self() *peer.Handle { return m.self }

func (m *toy) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	m.Begin(now, out)
	switch in.Kind {
	case machine.InStart:
		m.tell("start")
	case machine.InStop:
		m.tell("stop")
	case machine.InWake:
		m.tell("wake")
	case machine.InPeerUp:
		m.tell("up %s", in.From.ID.Short()[:2])
	case machine.InPeerDown:
		m.tell("down %s %v", in.From.ID.Short()[:2], in.Why)
	case machine.InMessage:
		switch msg := in.Msg.(type) {
		case *text:
			m.tell("%s says %s", in.From.ID.Short()[:2], msg.Body)
		case *question:
			m.tell("%s asks", in.From.ID.Short()[:2])
		}
	}
	if !m.Handle(in) && m.on != nil {
		m.on(m, in)
	}
	m.End()
}

func (m *toy) tell(format string, a ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.story = append(m.story, fmt.Sprintf(format, a...))
}

// told returns what happened, and forgets it.
func (m *toy) told() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.story = nil }()
	return m.story
}

func (m *toy) want(t *testing.T, lines ...string) {
	t.Helper()
	if got := m.told(); !slices.Equal(got, lines) {
		t.Errorf("happened:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

// fake is a transport that only notes what it is told.
type fake struct {
	transport.Transport
	send func(to *peer.Handle, c transport.Class, frame []byte) error // may be nil

	mu     sync.Mutex
	told   []string
	queued int
	busy   time.Duration // between two frames that go
	gone   time.Time
}

func (f *fake) tell(format string, a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, fmt.Sprintf(format, a...))
}

func (f *fake) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	if f.send != nil {
		return f.send(to, c, frame)
	}
	m, err := table.Decode(frame)
	if err != nil {
		return err
	}
	f.tell("send %s class %d: %s", to.ID.Short()[:2], c, m.(*text).Body)
	return nil
}

func (f *fake) Disconnect(node id.ID, expelled bool) {
	f.tell("disconnect %s %v", node.Short()[:2], expelled)
}
func (f *fake) Serve(string, func(transport.Stream)) {}

func (f *fake) Blame(node id.ID)            { f.tell("blame %s", node.Short()[:2]) }
func (f *fake) Protect(node id.ID, on bool) { f.tell("protect %s %v", node.Short()[:2], on) }

func (f *fake) Links() []transport.Link {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.queued == 0 {
		return nil
	}
	queued := f.queued
	if time.Since(f.gone) >= f.busy {
		f.queued, f.gone = f.queued-1, time.Now()
	}
	return []transport.Link{{Queued: queued}}
}

// rig is a host with a toy on a fake transport, in a bubble of fake time.
type rig struct {
	*testing.T
	host   *host.Host
	toy    *toy
	wire   *fake
	events transport.Events
	log    *bytes.Buffer
	ahead  time.Duration // of the boot clock before the bubble's time; set by the loop or while it is held
	mu     sync.Mutex
}

// bubble runs a test in fake time. setup may change the host's configuration.
func bubble(t *testing.T, setup func(*rig, *host.Config), f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup)
		if err := r.host.Start(); err != nil {
			t.Fatal(err)
		}
		r.toy.want(t, "start")
		f(r)
		r.host.Stop(context.Background())
	})
}

func newRig(t *testing.T, setup func(*rig, *host.Config)) *rig {
	r := &rig{T: t, wire: new(fake), log: new(bytes.Buffer)}
	r.toy = &toy{self: handle(1)}
	clock := host.Monotonic()
	cfg := host.Config{
		Table: table,
		Make: func(rng *rand.Rand, saved []byte) (machine.Machine, error) {
			r.toy.Kernel = machine.NewKernel(rng)
			return r.toy, nil
		},
		Clock: func() machine.Clock {
			now := clock()
			r.mu.Lock()
			defer r.mu.Unlock()
			now.Boot = now.Boot.Add(r.ahead)
			return now
		},
		Log: slog.New(slog.NewTextHandler(&locked{w: r.log}, nil)),
	}
	if setup != nil {
		setup(r, &cfg)
	}
	r.host = host.New(cfg)
	r.events = r.host.Events()
	r.host.Attach(r.wire)
	return r
}

// locked lets several goroutines write.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// call runs f on the loop.
func (r *rig) call(f func()) {
	r.Helper()
	if err := r.host.Call(context.Background(), f); err != nil {
		r.Fatal(err)
	}
}

// hold keeps the loop busy, as a step that takes long does, until free is called.
func (r *rig) hold() (free func()) {
	held, gate := make(chan struct{}), make(chan struct{})
	go r.host.Call(context.Background(), func() { close(held); <-gate })
	<-held
	return func() { close(gate); synctest.Wait() }
}

// jump lets the boot clock go on by d, as if the machine had slept.
func (r *rig) jump(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead += d
}

// frames hands the host texts from a peer, in a goroutine, as a link's reader does.
func (r *rig) frames(from *peer.Handle, c transport.Class, bodies ...string) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range bodies {
			r.events.Frame(from, c, encode(b))
		}
	}()
	synctest.Wait()
	return done
}

func encode(body string) []byte {
	b, err := table.Encode(&text{Body: body})
	if err != nil {
		panic(err)
	}
	return b
}

// numbered returns the texts prefix0 .. prefix(n-1).
func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

// over reports whether a channel is closed.
func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
