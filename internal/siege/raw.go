package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api/socket"
)

// raw are attackers with nothing but sockets.
type raw struct {
	orders *orders
	do     func(context.Context, *orders, int) error
}

func gatherRaw(do func(context.Context, *orders, int) error) func(context.Context, *orders) (force, []string, error) {
	return func(_ context.Context, o *orders) (force, []string, error) { return &raw{o, do}, nil, nil }
}

func (r *raw) strike(ctx context.Context, n int) error { return r.do(ctx, r.orders, n) }
func (r *raw) close()                                  {}

// victim of a strike.
func (o *orders) victim(n int) *victim { return &o.Victims[n%len(o.Victims)] }

// call opens a connection that is closed when the context ends.
func call(ctx context.Context, network, addr string) (net.Conn, func(), error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() { stop(); c.Close() }, nil
}

// trickle gives a byte each second. That the victim ends it is what should happen.
func trickle(ctx context.Context, o *orders, n int) error {
	c, hangUp, err := call(ctx, "tcp", o.victim(n).Addr)
	if err != nil {
		return err
	}
	defer hangUp()
	const good = "\x13/multistream/1.0.0\n\x07/noise\n"
	for i := range good {
		if _, err := io.WriteString(c, good[i:i+1]); err != nil {
			return err
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		var b [64]byte
		if _, err := c.Read(b[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		select { // what the victim said does not make it quicker
		case <-time.After(time.Second / 4):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// overdo sends a request that is too large in one way or another.
func overdo(ctx context.Context, o *orders, n int) error {
	v := o.victim(n)
	network, addr := "tcp", v.UI
	if n%10 == 0 {
		network, addr = "unix", filepath.Join(v.Home, socket.Name)
	}
	c, hangUp, err := call(ctx, network, addr)
	if err != nil {
		return err
	}
	defer hangUp()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	head := "POST /v1/send HTTP/1.1\r\nHost: " + v.UI + "\r\nOrigin: http://" + v.UI + "\r\nContent-Type: application/json\r\n"
	var text string
	switch n % 6 {
	case 0:
		text = head + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"
	case 1:
		text = head + strings.Repeat("X: y\r\n", 10_000) + "\r\n"
	case 2:
		text = "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: " + v.UI + "\r\n\r\n"
	case 3:
		text = head + "Content-Length: 2097152\r\n\r\n" + strings.Repeat(" ", 2<<20)
	case 4:
		text = head + "Content-Length: 100\r\n\r\n{"
	default:
		text = "GET / HTTP/1.1\r\nHost: " + v.UI + "\r\nRange: bytes=" + strings.Repeat("0-1,", 1000) + "5-6\r\n\r\n"
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err // it was cut off
	}
	_, err = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
	return err
}
