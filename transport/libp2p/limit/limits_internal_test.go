package limit

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
)

// Peers of the tests, besides strangers.
const (
	relay  = p2ppeer.ID("relay")
	member = p2ppeer.ID("member")
)

// unknown has all others for strangers, of whom sixteen come from an address.
type unknown struct{}

func (unknown) Strange(key p2ppeer.ID) bool { return key != relay && key != member }
func (unknown) Per(netip.Addr) int          { return 16 }

func newLimits(t *testing.T) *Limits {
	l, err := New(Bounds{
		MaxLinks: 100, PerAddress: 16, Handshake: time.Second, Strangers: unknown{},
		Relays: func(p p2ppeer.ID) bool { return p == relay },
		Bad:    func(p2ppeer.ID, string, error) {}, BadStranger: func(string, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Streams above the limit of a peer are refused, until some of them end.
func TestStreamsOfOnePeer(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for p, most := range map[p2ppeer.ID]int{"stranger": maxStrangeStreams, member: maxPeerStreams, relay: MaxCircuits} {
		l := newLimits(t)
		var ends []func()
		for range most {
			done, err := l.enter(p, now)
			if err != nil {
				t.Fatalf("%s: stream %d: %v", p, len(ends)+1, err)
			}
			ends = append(ends, done)
		}
		if _, err := l.enter(p, now); !errors.Is(err, network.ErrResourceLimitExceeded) {
			t.Errorf("%s: one more than %d streams: %v", p, most, err)
		}
		ends[0]()
		if _, err := l.enter(p, now); err != nil {
			t.Errorf("%s: in place of one that ended: %v", p, err)
		}
	}
}

// All strangers together have so many streams and no more.
func TestStreamsOfStrangers(t *testing.T) {
	l := newLimits(t)
	now := time.Unix(1_800_000_000, 0)
	for i := range maxAllStrangeStreams {
		if _, err := l.enter(p2ppeer.ID([]byte{1, byte(i)}), now); err != nil {
			t.Fatalf("stream %d: %v", i+1, err)
		}
	}
	if _, err := l.enter("another", now); !errors.Is(err, network.ErrResourceLimitExceeded) {
		t.Errorf("one more: %v", err)
	}
}

// Who opens and ends streams without a rest is held to a rate.
func TestStreamsInASecond(t *testing.T) {
	l := newLimits(t)
	now := time.Unix(1_800_000_000, 0)
	open := func() (n int) {
		for ; n < 2*streamBurst; n++ {
			done, err := l.enter("stranger", now)
			if err != nil {
				return n
			}
			done()
		}
		return n
	}
	if n := open(); n != streamBurst {
		t.Errorf("%d streams at once, want %d", n, streamBurst)
	}
	now = now.Add(time.Second / 2)
	if n := open(); n != streamRate/2 {
		t.Errorf("%d streams half a second later, want %d", n, streamRate/2)
	}
}

// QUIC's handshakes under way are bounded for an address and for all together, and an end
// makes room.
func TestHandshakes(t *testing.T) {
	l := newLimits(t)
	one := netip.MustParseAddr("192.0.2.1")
	for i := range 16 {
		if !l.begin(one) {
			t.Fatalf("handshake %d of an address is refused", i+1)
		}
	}
	if l.begin(one) {
		t.Error("handshake 17 of an address")
	}
	l.over(one)
	if !l.begin(one) {
		t.Error("no handshake in place of one that is over")
	}
	other := one
	for i := 16; i < maxHandshakesQUIC; i++ {
		other = other.Next()
		if !l.begin(other) {
			t.Fatalf("handshake %d is refused", i+1)
		}
	}
	if l.begin(other.Next()) {
		t.Errorf("more than %d handshakes at once", maxHandshakesQUIC)
	}
}
