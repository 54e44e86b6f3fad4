package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

const proto = "/phyllo/test/1"

func echo(st transport.Stream) {
	defer st.Close()
	io.Copy(st, st)
}

// Streams need no certificate, carry bytes both ways, and tell who is there.
func testStreams(t *testing.T, f Factory) {
	a, b := f.start(t, 1, noMember), f.start(t, 2, otherRing)
	from := make(chan peer.Key, 2)
	b.tr.Serve(proto, func(st transport.Stream) {
		from <- st.Remote()
		echo(st)
	})
	st := a.open(b, proto)
	text := strings.Repeat("there and back ", 20000)
	go func() {
		io.WriteString(st, text)
		st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil || string(got) != text {
		t.Fatalf("%d of %d bytes came back: %v", len(got), len(text), err)
	}
	st.Close()
	if k := <-from; k != a.key || st.Remote() != b.key || st.Addr() == "" {
		t.Errorf("the ends are %v and %v at %q", k, st.Remote(), st.Addr())
	}

	// Whoever answers.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err = a.tr.Open(ctx, peer.Key{}, b.tr.Addrs(), proto)
	if err != nil || st.Remote() != b.key {
		t.Fatalf("open without a key: %v", err)
	}
	// A deadline ends a wait.
	st.SetDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout interface{ Timeout() bool }
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read after the deadline: %v", err)
	}
	st.Reset()
	if _, err := st.Read(make([]byte, 1)); err == nil {
		t.Error("a stream that was given up still reads")
	}

	// The other end gives up.
	b.tr.Serve(proto, func(st transport.Stream) { st.Reset() })
	if err := refusedStream(a, b.key, b.tr.Addrs(), proto); err == nil || err == io.EOF {
		t.Errorf("read of a stream that was reset: %v", err)
	}

	// A fault of who serves ends the stream, and nothing else.
	b.tr.Serve(proto, func(transport.Stream) { panic("a fault, on purpose") })
	if err := refusedStream(a, b.key, b.tr.Addrs(), proto); err == nil || err == io.EOF {
		t.Errorf("read of a stream whose handler had a fault: %v", err)
	}
	b.tr.Serve(proto, echo)
	st = a.open(b, proto)
	st.Write([]byte("x"))
	st.CloseWrite()
	if got, err := io.ReadAll(st); err != nil || string(got) != "x" {
		t.Errorf("after a fault: %q, %v", got, err)
	}
	st.Close()
}

// refusedStream opens a stream and uses it, and returns the first error: a refusal
// may come late.
func refusedStream(n *node, key peer.Key, addrs []string, protocol string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := n.tr.Open(ctx, key, addrs, protocol)
	if err != nil {
		return err
	}
	defer st.Reset()
	st.SetDeadline(time.Now().Add(patience))
	if _, err := st.Write([]byte("x")); err != nil {
		return err
	}
	_, err = st.Read(make([]byte, 1))
	return err
}

// Streams are beside messages: frames pass those whose readers stand still, and those that
// carry a file at this moment, which comes whole.
func testStreamsBeside(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	beats := 0
	beat := func() {
		a.send(b, transport.Liveness, fmt.Sprint("beat ", beats))
		b.send(a, transport.Liveness, fmt.Sprint("beat ", beats))
		beats++
		b.rec.awaitFrames(t, beats)
		a.rec.awaitFrames(t, beats)
	}
	beat()
	read := make(chan struct{})
	begin := sync.OnceFunc(func() { close(read) })
	defer begin() // whoever serves must come to an end
	b.tr.Serve(proto, func(st transport.Stream) {
		<-read
		echo(st)
	})
	const streams, held, length = 2, 32 << 10, 4 << 20 // what is held fits each way's window
	text := strings.Repeat("a file ", length/7)
	ended := make(chan error, 2*streams)
	for range streams {
		st := a.open(b, proto)
		st.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(st, text[:held]); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-read
			_, err := io.WriteString(st, text[held:])
			ended <- errors.Join(err, st.CloseWrite())
		}()
		go func() {
			got, err := io.ReadAll(st)
			if err == nil && string(got) != text {
				err = fmt.Errorf("%d of %d bytes came back", len(got), len(text))
			}
			ended <- errors.Join(err, st.Close())
		}()
	}
	for range 10 {
		beat()
	}
	begin()
	for range 10 {
		beat()
	}
	for range 2 * streams {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Why a stream cannot be opened is told apart.
func testStreamErrors(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	b.tr.Serve(proto, echo)
	if err := refusedStream(a, b.key, b.tr.Addrs(), proto); err != nil {
		t.Fatal(err)
	}
	if err := refusedStream(a, b.key, b.tr.Addrs(), "/phyllo/unknown/1"); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("an unknown protocol: %v, want ErrRefused", err)
	}
	b.tr.Serve(proto, nil)
	if err := refusedStream(a, b.key, b.tr.Addrs(), proto); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("a protocol that is served no more: %v, want ErrRefused", err)
	}
	if err := refusedStream(a, f.Key(make([]byte, 32)), c.tr.Addrs(), proto); !errors.Is(err, transport.ErrOtherKey) {
		t.Errorf("another key: %v, want ErrOtherKey", err)
	}
	addrs := c.tr.Addrs()
	c.tr.Close()
	if err := refusedStream(a, c.key, addrs, proto); err == nil || !f.Mute && !errors.Is(err, transport.ErrRefused) {
		t.Errorf("nobody there: %v, want ErrRefused", err)
	}
	if err := refusedStream(a, b.key, nil, proto); err == nil {
		t.Error("a stream to nowhere")
	}
	if err := refusedStream(a, b.key, []string{"no address at all"}, proto); err == nil {
		t.Error("a stream to no address")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.tr.Open(ctx, b.key, b.tr.Addrs(), proto); err == nil {
		t.Error("a stream under a context that has ended")
	}
}

// One peer holds at most 64 streams, or fewer where they would be too much to hold;
// more are refused, and others still come in.
func testStreamLimit(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	var open atomic.Int64
	b.tr.Serve(proto, func(st transport.Stream) {
		open.Add(1)
		echo(st)
	})
	var streams []transport.Stream
	defer func() {
		for _, st := range streams {
			st.Reset()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	failed := 0
	for range 200 {
		st, err := a.tr.Open(ctx, b.key, b.tr.Addrs(), proto)
		if err != nil {
			failed++
			continue
		}
		streams = append(streams, st)
		st.SetDeadline(time.Now().Add(patience))
		st.Write([]byte("x"))
		if _, err := io.ReadFull(st, make([]byte, 1)); err != nil {
			failed++
		}
	}
	if n := open.Load(); n > 64 || n < 8 || failed != 200-int(n) {
		t.Errorf("%d streams of one peer were served, %d of 200 refused", n, failed)
	}
	if err := refusedStream(c, b.key, b.tr.Addrs(), proto); err != nil {
		t.Errorf("another peer: %v", err)
	}
}
