package libp2p_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// door is a port whose first caller is cut off; what follows decides about the others.
func door(t *testing.T, others func(net.Conn)) (multiaddr string) {
	// At an address of its own nobody else takes the port when it is closed.
	l, err := net.Listen("tcp", "127.77.0.1:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0") // not all systems have more than this one
	}
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for first := true; ; first = false {
			c, err := l.Accept()
			if err != nil {
				return
			}
			switch {
			case !first:
				wg.Go(func() {
					defer c.Close()
					others(c)
				})
				continue
			case others == nil:
				l.Close()
			}
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	})
	at := l.Addr().(*net.TCPAddr)
	return fmt.Sprintf("/ip4/%s/tcp/%d", at.IP, at.Port)
}

// Who is cut off calls once more: a process may just have ended there, and another one
// begun.
func TestCutOffAndCalledAgain(t *testing.T) {
	a, b := start(t, 1, libp2p.Options{}, tcpLoop), start(t, 2, libp2p.Options{}, tcpLoop)
	b.Serve("/test/1", func(st transport.Stream) { st.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := door(t, func(c net.Conn) {
		to, err := net.Dial("tcp", "127.0.0.1:"+strings.Split(b.Addrs()[0], "/")[4])
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		go func() {
			defer c.Close()
			io.Copy(c, to)
		}()
		io.Copy(to, c)
	})
	st, err := a.Open(ctx, b.h.Key, []string{at}, "/test/1")
	if err != nil {
		t.Fatal(err)
	}
	st.Close()
	a.Close() // before the door, whose callers it ends

	// If nobody listens any more the call is refused, though it was cut off at first.
	c := start(t, 3, libp2p.Options{}, tcpLoop)
	if _, err := c.Open(ctx, b.h.Key, []string{door(t, nil)}, "/test/1"); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("nobody listens any more: %v", err)
	}
}
