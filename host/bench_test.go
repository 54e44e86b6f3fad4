package host_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// BenchmarkFrames: a frame comes in, is decoded, waits, is handled, and an answer
// is encoded and handed to the transport.
func BenchmarkFrames(b *testing.B) {
	var sent atomic.Int64
	done := make(chan struct{})
	r := newRig(nil, func(r *rig, cfg *host.Config) {
		cfg.Clock = host.System()
		r.wire.send = func(*peer.Handle, transport.Class, []byte) error {
			if sent.Add(1) == int64(b.N) {
				close(done)
			}
			return nil
		}
	})
	r.host.Start()
	from, answer := handle(10), &text{Body: "answer"}
	r.host.Call(background, func() {
		r.toy.on = func(m *toy, in machine.Input) {
			m.Send(from, machine.ClassApp, answer)
			m.told()
		}
	})
	frame := encode("question")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r.events.Frame(from, transport.App, frame)
	}
	<-done
	b.StopTimer()
	r.host.Stop(context.Background())
}

func BenchmarkCall(b *testing.B) {
	r := newRig(nil, func(_ *rig, cfg *host.Config) { cfg.Clock = host.System() })
	r.host.Start()
	b.ReportAllocs()
	for b.Loop() {
		r.host.Call(background, func() {})
	}
	r.host.Stop(context.Background())
}

func BenchmarkSystemClock(b *testing.B) {
	read := host.System()
	for b.Loop() {
		read()
	}
}
