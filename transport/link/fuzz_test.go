package link_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Whatever comes on a stream, before or after a hello, the link ends when the
// stream does, nothing is left of it, and the program stands.
func FuzzStream(f *testing.F) {
	frame := func(kind byte, body string) []byte {
		b, err := wire.AppendFrame([]byte{kind}, []byte(body))
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	good := helloOf(farHandle, farCert, 1, nil)
	for _, b := range [][]byte{
		{}, {0, 0, 0, 0, 0}, {1, 255, 255, 255, 255}, frame(0, "x"), frame(1, "x"), frame(2, "x"), frame(3, "x"),
		frame(194, "\x00\x00\x00\x01"), frame(195, "\x01"), frame(195, "\x09"), frame(kindHello, string(good)),
		frame(kindRefusal, "\xa0"), frame(250, "x"), append(frame(1, "x"), frame(195, "\x06")...),
	} {
		f.Add(true, b)
		f.Add(false, b)
	}
	f.Fuzz(func(t *testing.T, greeted bool, b []byte) {
		o := &owner{}
		l := newLinks(&other{}, o)
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Accept(wireStream{ours, farKey})
		}()
		theirs.SetDeadline(time.Now().Add(20 * time.Second))
		go io.Copy(io.Discard, theirs)
		if greeted {
			put(theirs, kindHello, good)
		}
		theirs.Write(b)
		theirs.Close()
		<-done
		l.Close()
		m := l.Metrics()
		if m.Panics != 0 || m.Links != 0 {
			t.Fatalf("%d faults, %d links", m.Panics, m.Links)
		}
		if m.BytesIn > uint64(len(b)) {
			t.Fatalf("%d bytes of frames in %d bytes", m.BytesIn, len(b))
		}
	})
}

var _ transport.Events = (*owner)(nil)
