package reach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
	"github.com/phyllo-net/phyllo/wire"
)

// passProtocol is how a member shows another one its certificate without a link,
// learns how it is seen, and may ask to be called back. While the stream stands the
// other one knows it as a member: relays are for those alone.
//
//	asker:    Hello
//	answerer: welcome            (or the end of the stream)
//	asker:    question           (at most one)
//	answerer: found
const passProtocol = "/phyllo/pass/1"

// welcome answers a hello.
type welcome struct {
	// Seen is the address from which the asker comes, as a multiaddr.
	Seen string `cbor:"1,keyasint,omitempty"`
	// Relays: the answerer relays for members at this moment, and has room.
	Relays bool `cbor:"2,keyasint,omitempty"`
}

// question asks to be called back at these addresses.
type question struct {
	Addrs []string `cbor:"1,keyasint,omitempty"`
}

// found answers a question.
type found struct {
	// Tried are those of the addresses that were called: only addresses at the IP
	// that the asker comes from are.
	Tried []string `cbor:"1,keyasint,omitempty"`
	// Reached are those of Tried where the asker answered.
	Reached []string `cbor:"2,keyasint,omitempty"`
}

// maxPassFrame is the largest frame after the hello, in bytes.
const maxPassFrame = 64 + 2*peer.MaxAddrs*(peer.MaxAddrLen+3)

func writeFrame(st transport.Stream, body []byte) error {
	b, err := wire.AppendFrame(nil, body)
	if err == nil {
		_, err = st.Write(b)
	}
	return err
}

// readMessage reads one frame and decodes it. Errors wrap wire.ErrMalformed and
// wire.ErrTooLarge, or are the stream's.
func readMessage[M any](r *bufio.Reader) (*M, error) {
	b, err := wire.ReadFrame(r, maxPassFrame)
	if err != nil {
		return nil, err
	}
	m := new(M)
	if err := wire.Unmarshal(b, m); err != nil {
		return nil, err
	}
	return m, nil
}

// addrList checks a list of addresses from outside.
func addrList(list []string) error {
	if len(list) > peer.MaxAddrs {
		return fmt.Errorf("%w: %d addresses, at most %d", wire.ErrMalformed, len(list), peer.MaxAddrs)
	}
	for _, a := range list {
		if len(a) > peer.MaxAddrLen {
			return fmt.Errorf("%w: an address of %d bytes, at most %d", wire.ErrMalformed, len(a), peer.MaxAddrLen)
		}
	}
	return nil
}

// members are those whose pass stands here: what the relay asks about a key.
type members struct {
	mu   sync.Mutex
	open map[peer.Key]map[transport.Stream]*peer.Certificate
}

func (m *members) enter(st transport.Stream, cert *peer.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = make(map[peer.Key]map[transport.Stream]*peer.Certificate)
	}
	if m.open[st.Remote()] == nil {
		m.open[st.Remote()] = make(map[transport.Stream]*peer.Certificate)
	}
	m.open[st.Remote()][st] = cert
}

func (m *members) leave(st transport.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open[st.Remote()], st)
	if len(m.open[st.Remote()]) == 0 {
		delete(m.open, st.Remote())
	}
}

// certificate returns one that the holder of key has shown; nil: there is none.
func (m *members) certificate(key peer.Key) *peer.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.open[key] {
		return c
	}
	return nil
}

// keyOf returns the key of the member with this id.
func (m *members) keyOf(node id.ID) (peer.Key, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, streams := range m.open {
		for _, c := range streams {
			if c.Node == node {
				return key, true
			}
		}
	}
	return peer.Key{}, false
}

// servePass answers one asker.
func (r *Reach) servePass(st transport.Stream) {
	defer st.Close()
	if err := r.admit(st); err != nil {
		r.n.Bad("pass", st.Remote(), err)
		st.Reset()
	}
}

// admit looks at the asker's hello and answers its question. It returns what was
// wrong with what came, and nil if the stream has ended.
func (r *Reach) admit(st transport.Stream) error {
	st.SetDeadline(time.Now().Add(r.cfg.HelloTime))
	in := bufio.NewReaderSize(st, 512)
	b, err := wire.ReadFrame(in, transport.MaxHello)
	if err != nil {
		return err
	}
	hello, err := transport.ParseHello(b)
	if err != nil {
		return err
	}
	own, _ := r.cfg.Hello()
	if own == nil {
		return nil // no member itself, at this moment
	}
	if err := hello.Verify(st.Remote(), own.ID, r.cfg.Check); err != nil {
		return err
	}
	if known, can := st.(interface{ Admitted() }); can {
		known.Admitted()
	}
	r.members.enter(st, hello.Cert)
	defer r.members.leave(st)
	w := welcome{Relays: r.offers()}
	if len(st.Addr()) <= peer.MaxAddrLen {
		w.Seen = st.Addr()
	}
	if writeFrame(st, wire.MustMarshal(&w)) != nil || st.SetDeadline(time.Time{}) != nil {
		return nil
	}
	q, err := readMessage[question](in)
	if err != nil {
		return badOnly(err)
	}
	if err := addrList(q.Addrs); err != nil {
		return err
	}
	f := r.callers.call(r.ctx, st, q.Addrs)
	st.SetDeadline(time.Now().Add(r.cfg.HelloTime))
	writeFrame(st, wire.MustMarshal(f))
	return nil
}

// pass is one that this node has shown to another one, for as long as somebody
// needs it.
type pass struct {
	relay   p2ppeer.ID
	refs    int
	ready   chan struct{} // closed when what follows is set
	err     error
	st      Stream
	welcome *welcome
}

// passes are those that stand.
type passes struct {
	r  *Reach
	mu sync.Mutex
	m  map[p2ppeer.ID]*pass
}

// holds reports whether this node has a pass of a node.
func (ps *passes) holds(p p2ppeer.ID) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.m[p] != nil
}

// hold shows the pass to a node, at one of the addresses if there is no connection
// with it, unless that was done. The caller owes a release.
func (ps *passes) hold(ctx context.Context, p p2ppeer.ID, addrs []string) (*pass, error) {
	ps.mu.Lock()
	h := ps.m[p]
	if h == nil {
		h = &pass{relay: p, ready: make(chan struct{})}
		ps.m[p] = h
		h.refs++
		ps.mu.Unlock()
		h.st, h.welcome, h.err = ps.r.present(ctx, p, addrs)
		close(h.ready)
		if h.err != nil {
			ps.drop(h)
			return nil, h.err
		}
		ps.r.spawn(func() { ps.watch(h) })
		return h, nil
	}
	h.refs++
	ps.mu.Unlock()
	select {
	case <-h.ready:
	case <-ctx.Done():
		ps.release(h)
		return nil, ctx.Err()
	}
	if h.err != nil {
		return nil, h.err
	}
	return h, nil
}

// watch waits until a pass ends, which is when its connection does.
func (ps *passes) watch(h *pass) {
	var b [1]byte
	h.st.Read(b[:])
	h.st.Reset()
	ps.drop(h)
	ps.r.lost(h)
}

// drop forgets a pass that has ended.
func (ps *passes) drop(h *pass) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.m[h.relay] == h {
		delete(ps.m, h.relay)
	}
}

// release gives a pass back; the last one ends it.
func (ps *passes) release(h *pass) {
	ps.mu.Lock()
	h.refs--
	last := h.refs == 0
	if last && ps.m[h.relay] == h {
		delete(ps.m, h.relay)
	}
	ps.mu.Unlock()
	if !last {
		return
	}
	<-h.ready
	if h.err == nil {
		h.st.Close()
		h.st.Reset() // ends the reader, too
	}
}

// present opens a stream of passProtocol and shows the certificate.
func (r *Reach) present(ctx context.Context, p p2ppeer.ID, addrs []string) (Stream, *welcome, error) {
	key, err := addr.KeyOf(p)
	if err != nil {
		return nil, nil, err
	}
	own, cert := r.cfg.Hello()
	if own == nil || cert == nil {
		return nil, nil, errors.New("this node is no member of a ring")
	}
	// What is to be relayed must not be relayed to the relay.
	st, err := r.n.Open(ctx, key, addrs, passProtocol, true)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { st.Reset() })
	w, err := r.exchange(st, transport.NewHello(own, cert, 0))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		st.Reset()
		return nil, nil, err
	}
	return st, w, nil
}

// exchange sends a hello and reads the welcome.
func (r *Reach) exchange(st Stream, hello *transport.Hello) (*welcome, error) {
	b, err := hello.Encode()
	if err != nil {
		return nil, err
	}
	st.SetDeadline(time.Now().Add(r.cfg.HelloTime))
	if err := writeFrame(st, b); err != nil {
		return nil, err
	}
	// Nothing comes after the welcome unless it is asked for.
	w, err := readMessage[welcome](bufio.NewReaderSize(st, maxPassFrame))
	if err == nil {
		err = st.SetDeadline(time.Time{})
	}
	return w, err
}

// conn is the connection that carries the pass.
func (h *pass) conn() network.Conn { return h.st.Conn() }
