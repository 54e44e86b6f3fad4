package client

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// stretchLen is how many chunks a holder is asked for in one go: enough that the question
	// costs little beside them, and few enough that several holders share what is read.
	stretchLen = 4
	// window is how many stretches are under way, or wait in memory for those before them: 32 MiB.
	window = 8
	// abreast is how many holders are asked at once, as long as none is slow; perHolder how
	// many stretches of each, so that none is idle between two.
	abreast, perHolder = 3, 2
	// late is how long the first stretch is waited for at least before it is asked of another
	// holder besides; and patient, of a holder that may be just as slow, as many times as long
	// as the fastest took for one.
	late    = 2 * time.Second
	patient = 4
)

// gathering is a Fetch under way: stretches of the part that come from several holders, and
// go to the sink in order.
type gathering struct {
	cl        *Client
	object    id.Hash
	hashes    []byte
	sink      task.Sink
	stretches []*stretch // that the sink has not, in order
	free      [][]byte   // buffers of a chunk each
	holders   []*holder
	fastest   time.Duration // that a stretch came in; 0: none has
	moved     bool          // chunks came, from these holders
	wake      func()
}

// holder is one of those who are asked.
type holder struct {
	*peer.Handle
	flights int
	out     bool // it broke off, lied, or has none of it
}

// stretch is some chunks of the part, one after another.
type stretch struct {
	part    task.Part
	got     [][]byte // the first of them
	flights []*flight
	since   task.Instant // its last flight began
}

func (s *stretch) done() bool { return len(s.got) == len(s.part.Chunks) }

// flight is a stretch that one holder was asked for.
type flight struct {
	cancel  func() // of the transfer, once there is one
	dropped bool
}

// stop gives it up.
func (f *flight) stop() {
	if f.dropped = true; f.cancel != nil {
		f.cancel()
	}
}

// cut cuts a part into stretches.
func cut(part task.Part) (ss []*stretch) {
	for len(part.Chunks) > 0 {
		n := min(stretchLen, len(part.Chunks))
		ss = append(ss, &stretch{part: task.Part{Size: part.Size, Chunks: part.Chunks[:n]}})
		part = part.From(n)
	}
	return ss
}

// from takes what these holders, nearest first, will give, until all is there or none of them
// has any more. moved reports whether something came. The error is task.ErrStopped, or what the
// sink says.
func (g *gathering) from(t *task.T, near []*peer.Handle) (moved bool, err error) {
	g.holders, g.moved = nil, false
	for _, h := range near {
		g.holders = append(g.holders, &holder{Handle: h})
	}
	for len(g.stretches) > 0 {
		for s := g.stretches[0]; s.done(); s = g.stretches[0] {
			if err := g.pass(t, s); err != nil || len(g.stretches) == 0 {
				return g.moved, err
			}
		}
		if !g.dispatch() {
			return g.moved, nil
		}
		if _, err := task.Await(t, late, func(resolve func(struct{}, error)) {
			g.wake = func() { resolve(struct{}{}, nil) }
		}); errors.Is(err, task.ErrStopped) {
			return g.moved, err
		}
	}
	return g.moved, nil
}

// pass gives the first stretch to the sink.
func (g *gathering) pass(t *task.T, s *stretch) error {
	_, err := task.Work(t, work, func() (struct{}, error) {
		for i, n := range s.part.Chunks {
			if err := g.sink.WriteChunk(n, s.got[i]); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	for _, b := range s.got {
		if cap(b) == task.ChunkSize {
			g.free = append(g.free, b[:0])
		}
	}
	g.stretches = g.stretches[1:]
	return err
}

// dispatch asks holders that can do more for what nobody was asked for yet, and at the end for
// what another one is late with. It reports whether anybody was asked and has not answered.
func (g *gathering) dispatch() bool {
	asked := 0
	for _, h := range g.holders {
		for !h.out && h.flights < perHolder && (h.flights > 0 || asked < abreast) {
			s := g.next(h, asked)
			if s == nil {
				break
			}
			g.fly(h, s)
		}
		if h.flights > 0 {
			asked++
		}
	}
	return asked > 0
}

// next is what a holder should be asked for, or nil: asked others are at work.
func (g *gathering) next(h *holder, asked int) *stretch {
	ahead := g.stretches[:min(window, len(g.stretches))]
	i := slices.IndexFunc(ahead, func(s *stretch) bool { return !s.done() && len(s.flights) == 0 })
	switch {
	case i >= 0:
		return ahead[i]
	case asked > 0 && h.flights == 0 && g.late(ahead[0]):
		return ahead[0]
	}
	return nil
}

// late reports whether the first stretch should have come by now.
func (g *gathering) late(s *stretch) bool {
	took := g.cl.asker.ep.Now().Sub(s.since)
	return !s.done() && took >= max(late, patient*g.fastest)
}

// fly asks a holder for what is missing of a stretch.
func (g *gathering) fly(h *holder, s *stretch) {
	f, at, begun := new(flight), len(s.got), g.cl.asker.ep.Now()
	into := &collected{}
	for range min(len(g.free), len(s.part.Chunks)-at) {
		into.spare = append(into.spare, g.free[len(g.free)-1])
		g.free = g.free[:len(g.free)-1]
	}
	s.flights, s.since = append(s.flights, f), begun
	h.flights++
	g.cl.asker.ep.Go(func(t *task.T) error {
		n, err := g.cl.fetchFrom(t, h.Handle, g.object, s.part.From(at), &verified{chunks: g.hashes, sink: into}, f)
		h.flights--
		s.flights = slices.DeleteFunc(s.flights, func(x *flight) bool { return x == f })
		g.free = append(g.free, into.spare...)
		g.landed(h, s, at, into.chunks[:min(n, len(into.chunks))], err)
		if took := g.cl.asker.ep.Now().Sub(begun); err == nil && (g.fastest == 0 || took < g.fastest) {
			g.fastest = took
		}
		g.rouse()
		return nil
	}, nil)
}

// landed takes over what came of a stretch, whose first chunks up to at were there before.
func (g *gathering) landed(h *holder, s *stretch, at int, chunks [][]byte, err error) {
	if err != nil && !errors.Is(err, task.ErrCancelled) {
		h.out = true
	}
	if len(chunks) > 0 {
		g.moved = true
	}
	if !s.done() && at+len(chunks) > len(s.got) {
		s.got = append(s.got[:at:at], chunks...)
	}
	if s.done() {
		for _, f := range slices.Clone(s.flights) { // somebody was faster
			f.stop()
		}
	}
}

func (g *gathering) rouse() {
	if wake := g.wake; wake != nil {
		g.wake = nil
		wake()
	}
}

// stop gives up what is under way.
func (g *gathering) stop() {
	for _, s := range g.stretches {
		for _, f := range slices.Clone(s.flights) {
			f.stop()
		}
	}
}

// collected is a sink that keeps chunks in memory.
type collected struct {
	chunks [][]byte
	spare  [][]byte // buffers that it may use
}

// WriteChunk implements task.Sink.
func (c *collected) WriteChunk(_ int, content []byte) error {
	if n := len(c.spare); n > 0 {
		c.chunks, c.spare = append(c.chunks, append(c.spare[n-1], content...)), c.spare[:n-1]
		return nil
	}
	c.chunks = append(c.chunks, bytes.Clone(content))
	return nil
}
