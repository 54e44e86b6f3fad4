package libp2p_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	p2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/link"
)

const patience = 20 * time.Second

// owner notes what a transport tells.
type owner struct {
	mu    sync.Mutex
	downs []transport.Why
	ups   int
	got   int
	news  chan struct{}

	onFrame func(*peer.Handle, []byte) // set before the first link
}

func (o *owner) note(f func()) {
	o.mu.Lock()
	f()
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
}

func (o *owner) Up(*peer.Handle, *peer.Certificate) { o.note(func() { o.ups++ }) }
func (o *owner) Frame(from *peer.Handle, _ transport.Class, f []byte) {
	if o.onFrame != nil {
		o.onFrame(from, f)
		return
	}
	o.note(func() { o.got++ })
}
func (o *owner) Down(_ *peer.Handle, w transport.Why) {
	o.note(func() { o.downs = append(o.downs, w) })
}
func (o *owner) await(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		ok := f()
		o.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-o.news:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type node struct {
	*libp2p.Transport
	*owner
	h *peer.Handle
}

func (n *node) connect(t testing.TB, to *node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Connect(ctx, to.h); err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, k byte, o libp2p.Options, listen ...string) *node {
	t.Helper()
	n, err := newNode(k, o, listen...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Transport.Close() })
	return n
}

func newNode(k byte, o libp2p.Options, listen ...string) (*node, error) {
	return newIncarnation(k, 1, o, listen...)
}

func newIncarnation(k byte, incarnation uint64, o libp2p.Options, listen ...string) (*node, error) {
	seed := bytes.Repeat([]byte{k}, 32)
	n := &node{owner: &owner{news: make(chan struct{}, 1)}}
	n.h = &peer.Handle{ID: id.ID{Hi: uint64(k)}, Key: keyOf(seed), Incarnation: incarnation}
	cert := &peer.Certificate{Node: n.h.ID, Key: n.h.Key}
	var mu sync.Mutex
	tr, err := libp2p.New(transport.Config{
		Private: seed, Listen: listen, Events: n.owner,
		Hello: func() (*peer.Handle, *peer.Certificate) {
			mu.Lock()
			defer mu.Unlock()
			return n.h, cert
		},
		Check: func(*peer.Certificate) error { return nil },
	}, o)
	if err != nil {
		return nil, err
	}
	n.Transport = tr
	h := *n.h
	h.Addrs = tr.Addrs()
	mu.Lock()
	n.h = &h
	mu.Unlock()
	return n, nil
}

func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

const tcpLoop, quicLoop = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"

// When both ends dial at once, one connection is left after a moment, and it
// carries the link.
func TestSurplusConnection(t *testing.T) {
	o := libp2p.Options{Unused: 300 * time.Millisecond}
	a, b := start(t, 1, o, tcpLoop), start(t, 2, o, tcpLoop)
	for range 5 {
		var wg sync.WaitGroup
		wg.Go(func() { a.connect(t, b) })
		wg.Go(func() { b.connect(t, a) })
		wg.Wait()
		poll(t, "one connection", func() bool {
			return a.Metrics().Connections == 1 && b.Metrics().Connections == 1
		})
		if la, lb := a.Links(), b.Links(); len(la) != 1 || len(lb) != 1 {
			t.Fatalf("%d and %d links", len(la), len(lb))
		}
		a.Disconnect(b.h.ID, false)
		poll(t, "no connection", func() bool { return a.Metrics().Connections+b.Metrics().Connections == 0 })
	}
}

// A stranger who connects and opens nothing is gone after a moment.
func TestUnusedConnection(t *testing.T) {
	o := libp2p.Options{Unused: 300 * time.Millisecond}
	a := start(t, 1, o, tcpLoop)
	h, err := p2p.New(p2p.NoListenAddrs, p2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Connect(t.Context(), infoOf(t, a)); err != nil {
		t.Fatal(err)
	}
	poll(t, "the end of the connection", func() bool { return len(h.Network().Conns()) == 0 })
}

func infoOf(t *testing.T, n *node) p2ppeer.AddrInfo {
	t.Helper()
	pub, err := crypto.UnmarshalEd25519PublicKey(n.h.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	pid, err := p2ppeer.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	info := p2ppeer.AddrInfo{ID: pid}
	for _, s := range n.Addrs() {
		info.Addrs = append(info.Addrs, ma.StringCast(s))
	}
	return info
}

// RELIABILITY section 5, rows 1 to 4: what is not a handshake, or none that goes
// on, ends within the time for a hello, and others notice nothing.
func TestBeforeTheHandshake(t *testing.T) {
	o := libp2p.Options{Limits: link.Limits{HelloTime: 2 * time.Second}}
	a, b := start(t, 1, o, tcpLoop), start(t, 2, o, tcpLoop)
	tcp := strings.Split(a.Addrs()[0], "/")
	addr := net.JoinHostPort(tcp[2], tcp[4])
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	cases := map[string]func(net.Conn){
		"silent":    func(net.Conn) {},
		"noise":     func(c net.Conn) { c.Write(noise) },
		"http":      func(c net.Conn) { fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
		"ssh":       func(c net.Conn) { fmt.Fprintf(c, "SSH-2.0-OpenSSH_9.9\r\n") },
		"tls":       func(c net.Conn) { tls.Client(c, &tls.Config{MaxVersion: tls.VersionTLS12}).Handshake() },
		"slow":      func(c net.Conn) { drip(c, "\x13/multistream/1.0.0\n\x07/noise\n") },
		"then none": func(c net.Conn) { fmt.Fprintf(c, "\x13/multistream/1.0.0\n\x07/noise\n\x00\x20") },
	}
	var wg sync.WaitGroup
	for name, f := range cases {
		for range 8 {
			wg.Go(func() {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				go f(c)
				if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s: still connected", name)
				}
			})
		}
	}
	b.connect(t, a)
	wg.Wait()
	if len(a.Links()) != 1 || a.Metrics().Connections != 1 {
		t.Errorf("%d links, %d connections", len(a.Links()), a.Metrics().Connections)
	}
}

// drip writes a byte every 100 ms.
func drip(w io.Writer, s string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range len(s) {
		<-tick.C
		if _, err := io.WriteString(w, s[i:i+1]); err != nil {
			return
		}
	}
}

// One address holds a bounded number of connections, loopback too.
func TestPerAddress(t *testing.T) {
	o := libp2p.Options{PerLoopback: 4}
	a := start(t, 100, o, tcpLoop)
	var ns []*node
	for k := range byte(4) {
		n := start(t, k+1, libp2p.Options{}, tcpLoop)
		n.connect(t, a)
		ns = append(ns, n)
	}
	fifth := start(t, 5, libp2p.Options{}, tcpLoop)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := fifth.Connect(ctx, a.h); err == nil {
		t.Error("a fifth connection from one address")
	}
	ns[0].Transport.Close()
	a.await(t, "the end of the first", func() bool { return len(a.downs) > 0 })
	poll(t, "room for another", func() bool { return fifth.Connect(ctx, a.h) == nil })
}

// With both at hand TCP is used; where TCP leads nowhere, QUIC.
func TestTCPThenQUIC(t *testing.T) {
	a, b := start(t, 1, libp2p.Options{}, tcpLoop, quicLoop), start(t, 2, libp2p.Options{}, tcpLoop, quicLoop)
	a.connect(t, b)
	if k := a.Links()[0].Kind; k != "tcp" {
		t.Errorf("the link is over %s", k)
	}
	if len(b.h.Addrs) != 2 || !strings.Contains(b.h.Addrs[1], "quic") {
		t.Fatalf("addresses %q", b.h.Addrs)
	}
	// A listener that never answers stands in for a firewall that drops.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := start(t, 3, libp2p.Options{}, tcpLoop, quicLoop)
	h := *b.h
	port := l.Addr().(*net.TCPAddr).Port
	h.Addrs = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port), b.h.Addrs[1]}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Connect(ctx, &h); err != nil {
		t.Fatal(err)
	}
	if k := c.Links()[0].Kind; k != "quic" {
		t.Errorf("the link is over %s", k)
	}
	// Nobody there any more: TCP's refusal speaks for QUIC on the same machine.
	b.Transport.Close()
	d := start(t, 4, libp2p.Options{}, tcpLoop, quicLoop)
	if err := d.Connect(ctx, b.h); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("connect: %v, want ErrRefused", err)
	}
	if _, err := d.Open(ctx, peer.Key{}, b.h.Addrs, "/x"); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("open: %v, want ErrRefused", err)
	}
}

// childEnv tells the test program to be a node, and no test.
const childEnv = "PHYLLO_TEST_NODE"

func TestMain(m *testing.M) {
	listen := os.Getenv(childEnv)
	if listen == "" {
		goleak.VerifyTestMain(m)
		return
	}
	n, err := newNode(2, libp2p.Options{}, listen)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("at", n.Addrs()[0])
	io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent ends
}

// A process that is killed is seen as ended at once, and a call to it as refused.
func TestKilled(t *testing.T) {
	a := start(t, 1, libp2p.Options{}, tcpLoop)
	child := startVictim(t, tcpLoop)
	h := child.h
	if err := a.Send(h, transport.App, []byte("x")); err != nil {
		t.Fatal(err)
	}
	a.await(t, "the link", func() bool { return a.ups == 1 })
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	a.await(t, "its end", func() bool { return len(a.downs) == 1 })
	if a.downs[0] != transport.Closed {
		t.Errorf("down because of %d, want Closed", a.downs[0])
	}
	if err := a.Send(h, transport.App, []byte("x")); err != nil {
		t.Fatal(err)
	}
	a.await(t, "the refusal", func() bool { return len(a.downs) == 2 })
	if a.downs[1] != transport.Refused {
		t.Errorf("down because of %d, want Refused", a.downs[1])
	}
}

// A transport that cannot listen says where, and leaves nothing behind.
func TestCannotListen(t *testing.T) {
	a := start(t, 1, libp2p.Options{}, tcpLoop)
	for _, listen := range []string{a.Addrs()[0], "/ip4/192.0.2.1/tcp/1", "nonsense"} {
		cfg := transport.Config{Private: make([]byte, 32), Listen: []string{tcpLoop, listen}}
		tr, err := libp2p.New(cfg, libp2p.Options{})
		if err == nil {
			tr.Close()
			t.Errorf("listens on %s", listen)
			continue
		}
		if !strings.Contains(err.Error(), listen) {
			t.Errorf("the error does not name %s: %v", listen, err)
		}
	}
	if _, err := libp2p.New(transport.Config{Private: []byte("short")}, libp2p.Options{}); err == nil {
		t.Error("a key of 5 bytes was taken")
	}
}

func TestReachable(t *testing.T) {
	a := start(t, 1, libp2p.Options{}, tcpLoop)
	if r := a.Reachable(); r.Kind != "loopback" || r.Sentence == "" {
		t.Errorf("%+v", r)
	}
}
