package libp2p_test

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	p2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/link"
)

// tcpOf returns a node's address for net.Dial.
func tcpOf(n *node) string {
	parts := strings.Split(n.Addrs()[0], "/")
	return net.JoinHostPort(parts[2], parts[4])
}

// from dials from an address of this machine.
func from(source, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: patience}
	return d.Dial("tcp", to)
}

// ended waits until the other end has closed a connection.
func ended(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// Connections that say nothing have so many places, in all and of one address, and the
// oldest gives way to a new one; a member always finds a place.
func TestStrangersGiveWay(t *testing.T) {
	long := libp2p.Options{PerLoopback: 8, Limits: link.Limits{HelloTime: patience}}
	a, b := start(t, 1, long, tcpLoop), start(t, 2, libp2p.Options{}, tcpLoop)
	var one []net.Conn
	for range 20 {
		c, err := from("127.0.0.2", tcpOf(a))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		one = append(one, c)
	}
	for i, c := range one[:12] {
		if err := ended(c); err != nil {
			t.Fatalf("number %d of one address: %v", i, err)
		}
	}
	for i, c := range one[12:] {
		c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		// The library greets first.
		if _, err := io.ReadAll(c); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("number %d of one address: %v", 12+i, err)
		}
	}
	b.connect(t, a)
	if n := a.Metrics().BadInput["crowd"]; n != 12 {
		t.Errorf("%d counted", n)
	}
	for i := range 300 { // of as many addresses
		c, err := from(fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250), tcpOf(a))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i < 300-256 {
			one = append(one, c)
		}
	}
	for i, c := range one {
		if err := ended(c); err != nil {
			t.Fatalf("number %d of all: %v", i, err)
		}
	}
	if n := len(a.Links()); n != 1 {
		t.Errorf("%d links", n)
	}
}

// heavyKey is an RSA key of 16,384 bits of which nobody knows the other half.
type heavyKey struct{ der []byte }

func newHeavyKey(t *testing.T) *heavyKey {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 16383)
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return &heavyKey{der}
}

func (k *heavyKey) Equals(o crypto.Key) bool                { return o == crypto.Key(k) }
func (k *heavyKey) Raw() ([]byte, error)                    { return k.der, nil }
func (k *heavyKey) Type() pb.KeyType                        { return pb.KeyType_RSA }
func (k *heavyKey) Sign([]byte) ([]byte, error)             { return make([]byte, 2048), nil }
func (k *heavyKey) Verify(_ []byte, _ []byte) (bool, error) { return true, nil }
func (k *heavyKey) GetPublic() crypto.PubKey                { return k }

// RELIABILITY section 5, row 7: other kinds of keys are refused before any signature
// of theirs is verified.
func TestOtherKindsOfKeys(t *testing.T) {
	for _, listen := range []string{tcpLoop, quicLoop} {
		a := start(t, 1, libp2p.Options{}, listen)
		h, err := p2p.New(p2p.NoListenAddrs, p2p.DisableMetrics(), p2p.Identity(newHeavyKey(t)))
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		info := infoOf(t, a)
		if err := h.Connect(t.Context(), info); err == nil {
			if s, err := h.NewStream(t.Context(), info.ID, link.Protocol); err == nil {
				if _, err = s.Read(make([]byte, 1)); err == nil {
					t.Error("an RSA key was spoken with")
				}
			}
		}
		poll(t, "the count", func() bool { return a.Metrics().BadInput["handshake"] > 0 })
		if n := a.Metrics().Connections; n != 0 {
			t.Errorf("%d connections", n)
		}
	}
}

// Who leaves a handshake before it is over, as a newcomer does who called all addresses
// of a node and needs one, did nothing wrong: only what makes no sense is counted.
func TestWhoLeavesIsNotCounted(t *testing.T) {
	a := start(t, 1, libp2p.Options{}, tcpLoop)
	for _, said := range []string{"", "\x13/multi", "\x13/multistream/1.0.0\n", "\x13/multistream/1.0.0\n\x07/noise\n", "GET / HTTP/1.1\r\n\r\n"} {
		c, err := from("127.0.0.1", tcpOf(a))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, said)
		c.(*net.TCPConn).CloseWrite()
		if err := ended(c); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	poll(t, "the count", func() bool { return a.Metrics().BadInput["handshake"] == 1 })

	b := start(t, 2, libp2p.Options{}, quicLoop)
	call := func(cfg *tls.Config) {
		cfg.InsecureSkipVerify, cfg.NextProtos = true, []string{"libp2p"}
		parts := strings.Split(b.Addrs()[0], "/")
		c, err := quic.DialAddr(t.Context(), net.JoinHostPort(parts[2], parts[4]), cfg, nil)
		if err == nil { // who has no certificate hears of it after his own half
			<-c.Context().Done()
		}
	}
	call(&tls.Config{VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("another was quicker") }})
	call(new(tls.Config)) // without a certificate
	poll(t, "the count", func() bool { return b.Metrics().BadInput["handshake"] == 1 })
}

// stranger is a program of somebody else, without bounds of its own.
func stranger(t *testing.T) host.Host {
	t.Helper()
	h, err := p2p.New(p2p.NoListenAddrs, p2p.DisableMetrics(), p2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// RELIABILITY section 5, row 24: who opens streams without end loses his connection,
// and after three times all others for a while.
func TestStreamsWithoutEnd(t *testing.T) {
	for _, listen := range []string{tcpLoop, quicLoop} {
		a, b := start(t, 1, libp2p.Options{}, listen), start(t, 2, libp2p.Options{}, listen)
		b.connect(t, a)
		evil, info := stranger(t), infoOf(t, a)
		for round := 1; round <= 3; round++ {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if err := evil.Connect(ctx, info); err != nil {
				t.Fatal(err)
			}
			cs := evil.Network().ConnsToPeer(info.ID)
			if len(cs) == 0 {
				t.Fatalf("cut off before round %d: %+v", round, a.Metrics())
			}
			c := cs[0]
			opened := 0
			for ; opened < 100_000 && !c.IsClosed(); opened++ {
				s, err := c.NewStream(ctx)
				if err != nil {
					break
				}
				s.Write([]byte{19}) // or nobody hears of it: the length of what should follow
			}
			cancel()
			if opened == 100_000 {
				t.Error("100,000 streams")
			}
			poll(t, "the count", func() bool { return a.Metrics().BadInput["streams"] == uint64(round) })
			poll(t, "the end of the connection", func() bool { return len(evil.Network().Conns()) == 0 })
		}
		if n := a.Metrics().Bans; n != 1 {
			t.Errorf("%d bans", n)
		}
		if evil.Connect(t.Context(), info) == nil {
			poll(t, "the end of the connection", func() bool { return len(evil.Network().Conns()) == 0 })
		}
		a.owner.mu.Lock()
		downs := slices.Clone(a.owner.downs)
		a.owner.mu.Unlock()
		if len(a.Links()) != 1 || len(downs) != 0 {
			t.Errorf("the link of another: %v", downs)
		}
	}
}

// initial returns the first datagram with which a node calls another over QUIC.
func initial(t *testing.T, n *node) []byte {
	t.Helper()
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr := fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", sink.LocalAddr().(*net.UDPAddr).Port)
	go n.Connect(ctx, &peer.Handle{ID: id.ID{Hi: 77}, Key: peer.Key{1}, Addrs: []string{addr}})
	b := make([]byte, 64<<10)
	sink.SetReadDeadline(time.Now().Add(patience))
	m, _, err := sink.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:m]
}

// RELIABILITY section 5, row 27: as long as it is not known that somebody can be
// reached at the address from which a datagram came, no more is sent there than came.
func TestUnknownSourcesOfDatagrams(t *testing.T) {
	a, b := start(t, 1, libp2p.Options{}, quicLoop), start(t, 2, libp2p.Options{}, quicLoop)
	parts := strings.Split(a.Addrs()[0], "/")
	first := initial(t, b)
	version := append([]byte{first[0], 0xba, 0xba, 0xba, 0xba}, first[5:]...)
	short := append([]byte{0x40}, make([]byte, 60)...)
	cases := []struct {
		name  string
		bytes []byte
	}{
		{"the first of a handshake", first}, {"another version", version},
		{"a short header", short}, {"a cut one", first[:400]}, {"noise", []byte(strings.Repeat("x", 1200))},
	}
	var wg sync.WaitGroup
	for _, x := range cases {
		wg.Go(func() {
			c, err := net.Dial("udp", net.JoinHostPort(parts[2], parts[4]))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := c.Write(x.bytes); err != nil {
				t.Error(err)
			}
			got, buf := 0, make([]byte, 64<<10)
			// Long enough for the repetitions of a handshake that is not answered.
			c.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
			for {
				n, err := c.Read(buf)
				if err != nil {
					break
				}
				if got += n; x.name == cases[0].name && buf[0]&0xf0 != 0xf0 {
					t.Errorf("the answer begins with %x: no Retry (RFC 9000, section 17.2.5)", buf[0])
				}
			}
			if got > len(x.bytes) || got == 0 && x.name == cases[0].name {
				t.Errorf("%s: %d bytes for %d", x.name, got, len(x.bytes))
			}
		})
	}
	wg.Wait()
	if n := a.Metrics().Connections; n != 0 {
		t.Errorf("%d connections", n)
	}
	b.connect(t, a) // who can be reached gets through
}
