package reach

import (
	"bufio"
	"bytes"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// A relayed peer gets its bytes a second, and a quarter of a second's at once.
func TestShare(t *testing.T) {
	s := share{rate: 1000}
	now := time.Unix(1_800_000_000, 0)
	for i, want := range []time.Duration{-250, -150, -50, 50, 150} {
		if got := s.reserve(100, now); got != want*time.Millisecond {
			t.Errorf("take %d waits %v, want %v", i, got, want*time.Millisecond)
		}
	}
	if got := s.reserve(1, now.Add(time.Hour)); got > 0 {
		t.Errorf("after an hour it waits %v", got)
	}
}

// Whatever comes in place of a message of a pass is decoded within its limits or
// refused, and what is decoded is what was written.
func FuzzPass(f *testing.F) {
	for _, m := range []any{
		&welcome{Seen: "/ip4/192.0.2.1/tcp/1", Relays: true}, &question{Addrs: []string{"/ip4/192.0.2.1/tcp/1"}},
		&found{Tried: []string{"a", "b"}, Reached: []string{"a"}},
	} {
		b, err := wire.AppendFrame(nil, wire.MustMarshal(m))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again := func(m any, b []byte) {
			if got := wire.MustMarshal(m); len(got) > len(b) {
				t.Errorf("%d bytes decode to %d", len(b), len(got))
			}
		}
		reader := func() *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }
		if w, err := readMessage[welcome](reader()); err == nil {
			again(w, b)
		}
		if q, err := readMessage[question](reader()); err == nil && addrList(q.Addrs) == nil {
			again(q, b)
			if len(q.Addrs) > peer.MaxAddrs {
				t.Errorf("%d addresses", len(q.Addrs))
			}
		}
		if f, err := readMessage[found](reader()); err == nil {
			again(f, b)
		}
	})
}
