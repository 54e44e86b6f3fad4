package libp2p_test

import (
	"bytes"
	"testing"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// BenchmarkRoundTrip is one frame of 100 bytes there and back over a link that
// stands, class by class: frames of the class Liveness pass one goroutine less.
func BenchmarkRoundTrip(b *testing.B) {
	for _, x := range []struct {
		name   string
		listen string
		class  transport.Class
	}{
		{"TCP/liveness", tcpLoop, transport.Liveness}, {"TCP/app", tcpLoop, transport.App},
		{"QUIC/app", quicLoop, transport.App},
	} {
		b.Run(x.name, func(b *testing.B) {
			var one, two *node
			back := make(chan struct{}, 1)
			one = start(b, 1, libp2p.Options{}, x.listen)
			two = start(b, 2, libp2p.Options{}, x.listen)
			one.onFrame = func(*peer.Handle, []byte) { back <- struct{}{} }
			two.onFrame = func(from *peer.Handle, f []byte) { two.Send(from, x.class, bytes.Clone(f)) }
			one.connect(b, two)
			b.ReportAllocs()
			for b.Loop() {
				if err := one.Send(two.h, x.class, make([]byte, 100)); err != nil {
					b.Fatal(err)
				}
				<-back
			}
		})
	}
}
