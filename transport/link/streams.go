package link

import (
	"errors"
	"fmt"
	"sync"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// maxAllStreams bounds the incoming streams of all peers together.
const maxAllStreams = 1024

// streams are the served protocols and the incoming streams that are open.
type streams struct {
	mu    sync.Mutex
	serve map[string]func(transport.Stream)
	count map[peer.Key]int
	open  map[transport.Stream]struct{}
	ended bool
}

// Serve is transport.Transport's.
func (l *Links) Serve(protocol string, f func(transport.Stream)) {
	x := &l.streams
	x.mu.Lock()
	defer x.mu.Unlock()
	if f == nil {
		delete(x.serve, protocol)
		return
	}
	if x.serve == nil {
		x.serve = make(map[string]func(transport.Stream))
	}
	x.serve[protocol] = f
}

// Serves reports whether a protocol is served.
func (l *Links) Serves(protocol string) bool {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	return l.streams.serve[protocol] != nil
}

// Incoming hands an incoming stream to whoever serves the protocol, in the
// caller's goroutine, or resets it.
func (l *Links) Incoming(protocol string, st transport.Stream) {
	if !l.run.enter() {
		st.Reset()
		return
	}
	defer l.run.leave()
	f, err := l.streams.enter(protocol, st, l.limits.MaxStreams)
	if err != nil {
		l.bad("streams", st.Remote(), err)
		st.Reset()
		return
	}
	defer l.streams.leave(st)
	l.contain("stream", func() { f(st) }, func() { st.Reset() })
}

func (x *streams) enter(protocol string, st transport.Stream, limit int) (func(transport.Stream), error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := st.Remote()
	f := x.serve[protocol]
	switch {
	case x.ended || f == nil:
		return nil, errors.New("the protocol of the stream is not served")
	case x.count[key] >= limit:
		return nil, fmt.Errorf("more than %d streams of one peer", limit)
	case len(x.open) >= maxAllStreams:
		return nil, fmt.Errorf("more than %d streams", maxAllStreams)
	}
	if x.count == nil {
		x.count = make(map[peer.Key]int)
		x.open = make(map[transport.Stream]struct{})
	}
	x.count[key]++
	x.open[st] = struct{}{}
	return f, nil
}

func (x *streams) leave(st transport.Stream) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.open, st)
	key := st.Remote()
	if x.count[key]--; x.count[key] == 0 {
		delete(x.count, key)
	}
}

// end resets all streams, so that those who serve them return.
func (x *streams) end() {
	x.mu.Lock()
	x.ended = true
	open := make([]transport.Stream, 0, len(x.open))
	for st := range x.open {
		open = append(open, st)
	}
	x.mu.Unlock()
	for _, st := range open {
		st.Reset()
	}
}
