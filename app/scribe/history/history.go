package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
)

const (
	// Window is how many messages beyond those that are there in sequence may be taken.
	Window = 4096
	// MaxStreams is the number of streams of a group.
	MaxStreams = 512
	// repeat is in how many heartbeats a seal is told.
	repeat = 7
)

// Limits bound what is kept.
type Limits struct {
	Count int           // messages
	Bytes int           // of batches
	Age   time.Duration // since they were signed
}

// Run is a run of messages of a stream, both ends among them.
type Run struct {
	Stream   msg.Stream
	From, To uint64
}

// Outcome is what became of a batch.
type Outcome uint8

// Outcomes of Add.
const (
	Added Outcome = iota + 1
	Known         // it was there, or is kept no longer, or overlaps what is there
	Far           // too far beyond what is there in sequence
	Full          // too many streams
)

// History is what a node has of one group's messages. Not for several goroutines at once.
type History struct {
	Gone    func(*msg.Batch) // called with each batch that is let go; may be nil
	limits  Limits
	streams map[msg.Stream]*stream
	order   []*stream    // by their names
	fifo    []msg.Stream // of each batch, in the order of coming
	count   int          // messages
	bytes   int
	synced  bool
}

// New returns an empty history.
func New(l Limits) *History {
	return &History{limits: l, streams: make(map[msg.Stream]*stream)}
}

// Limit changes the limits. What is beyond them goes with the next Expire.
func (h *History) Limit(l Limits) { h.limits = l }

// Synced tells that every stream is known by now: one that is heard of later is new, and is
// wanted from its first message on. listed are those that were told; others that came
// meanwhile are wanted from their first message, too.
func (h *History) Synced(listed map[msg.Stream]bool) {
	if h.synced {
		return
	}
	h.synced = true
	for _, s := range h.order {
		if !listed[s.name] {
			s.lower(1)
			s.live = 1
		}
	}
}

// IsSynced reports whether Synced was called.
func (h *History) IsSynced() bool { return h.synced }

// find returns a stream, made now if it is not known; nil if there is no room.
func (h *History) find(seal *msg.Seal, base uint64) *stream {
	name := seal.Stream()
	if s := h.streams[name]; s != nil {
		return s
	}
	if len(h.order) >= MaxStreams {
		return nil
	}
	s := &stream{name: name, base: base, upto: base, live: base, seal: seal}
	h.streams[name] = s
	at, _ := slices.BinarySearchFunc(h.order, name, func(o *stream, n msg.Stream) int { return order(o.name, n) })
	h.order = slices.Insert(h.order, at, s)
	return s
}

func order(a, b msg.Stream) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}

// begin is the first message that is wanted of a stream that is heard of by this seal.
func (h *History) begin(seal *msg.Seal) uint64 {
	if h.synced {
		return 1
	}
	return seal.First
}

// Add adds a batch that was checked, and keeps it; it is frozen.
func (h *History) Add(b *msg.Batch) Outcome {
	seal := b.Seal
	if s := h.streams[seal.Stream()]; s == nil && h.synced && seal.First > Window {
		return Far
	}
	s := h.find(seal, h.begin(seal))
	switch {
	case s == nil:
		return Full
	case seal.Last() >= s.upto+Window:
		return Far
	case !s.insert(entry{seal.First, seal.Last(), b}):
		return Known
	}
	h.heard(s, seal)
	h.fifo = append(h.fifo, s.name)
	h.count += len(b.Lengths)
	h.bytes += b.Size()
	h.trim()
	return Added
}

// Has reports whether there is nothing to be had from a batch with this seal.
func (h *History) Has(seal *msg.Seal) bool {
	s := h.streams[seal.Stream()]
	if s == nil {
		return false
	}
	return seal.First < s.base || s.holds(s.at(seal.First), seal.Last())
}

// Lacks reports whether messages of a stream are missing.
func (h *History) Lacks(name msg.Stream) bool {
	s := h.streams[name]
	return s != nil && s.upto <= s.seal.Last()
}

// Learn notes that a batch exists, by its seal that was checked. It reports whether that
// was news.
func (h *History) Learn(seal *msg.Seal) bool {
	s := h.streams[seal.Stream()]
	switch {
	case s == nil && h.synced && seal.First > Window:
		return false
	case s == nil:
		return h.find(seal, h.begin(seal)) != nil
	case seal.Last() <= s.seal.Last() || seal.Last() >= s.upto+Window:
		return false
	}
	return h.heard(s, seal)
}

// heard notes the highest seal of a stream.
func (h *History) heard(s *stream, seal *msg.Seal) bool {
	if seal.Last() <= s.seal.Last() {
		return false
	}
	s.seal, s.said = seal, 0
	return true
}

// Begin wants a stream from the message base on, and notes its highest seal: what another
// node has. Where the stream was not known, or not all are yet (Synced), all of that is history.
func (h *History) Begin(seal *msg.Seal, base uint64) {
	known := h.streams[seal.Stream()] != nil
	s := h.find(seal, base)
	if s == nil {
		return
	}
	if !known || !h.synced {
		s.live = max(s.live, seal.Last()+1)
	}
	s.lower(base)
	if s.upto+Window > seal.Last() {
		h.heard(s, seal)
	}
}

// GiveUp takes what is missing of a run for lost: it is missing no longer, and readers are
// told.
func (h *History) GiveUp(r Run) {
	s := h.streams[r.Stream]
	if s == nil {
		return
	}
	for _, m := range s.missing(nil, math.MaxInt) {
		if first, last := max(m.From, r.From), min(m.To, r.To); first <= last {
			s.insert(entry{first: first, last: last})
		}
	}
}

// IsPast reports whether a batch is history: it was there before this node came, so that those
// who were below it have it, or ask for it themselves.
func (h *History) IsPast(seal *msg.Seal) bool {
	s := h.streams[seal.Stream()]
	return s != nil && seal.Last() < s.live
}

// Missing returns up to n runs of messages that are wanted and not there.
func (h *History) Missing(n int) (runs []Run) {
	for _, s := range h.order {
		if runs = s.missing(runs, n); len(runs) >= n {
			break
		}
	}
	return runs
}

// Next is the number of the first message of a stream that is not there in sequence; 0 if
// the stream is not known.
func (h *History) Next(name msg.Stream) uint64 {
	if s := h.streams[name]; s != nil {
		return s.upto
	}
	return 0
}

// Seal returns the highest seal of a stream, or nil.
func (h *History) Seal(name msg.Stream) *msg.Seal {
	if s := h.streams[name]; s != nil {
		return s.seal
	}
	return nil
}

// Floor is the number of the first message of a stream that is kept or wanted; 0 if the
// stream is not known.
func (h *History) Floor(name msg.Stream) uint64 {
	if s := h.streams[name]; s != nil {
		return s.base
	}
	return 0
}

// Heads returns up to n of the highest seals, each with its stream's floor, in the order of
// the streams, from the one after name on; more tells that there are others.
func (h *History) Heads(name msg.Stream, n int) (seals []*msg.Seal, floors []uint64, more bool) {
	at, found := slices.BinarySearchFunc(h.order, name, func(o *stream, n msg.Stream) int { return order(o.name, n) })
	if found {
		at++
	}
	for ; at < len(h.order); at++ {
		if len(seals) == n {
			return seals, floors, true
		}
		seals, floors = append(seals, h.order[at].seal), append(floors, h.order[at].base)
	}
	return seals, floors, false
}

// Batches returns those of a run that are there, from the first on, as far as they fit.
func (h *History) Batches(r Run, bytes int) (bs []*msg.Batch) {
	s := h.streams[r.Stream]
	if s == nil {
		return nil
	}
	for _, e := range s.entries[s.at(r.From):] {
		switch {
		case e.first > r.To:
			return bs
		case e.batch == nil:
			continue
		}
		if bytes -= e.batch.Size(); bytes < 0 && len(bs) > 0 {
			return bs
		}
		bs = append(bs, e.batch)
	}
	return bs
}

// Latest returns up to n seals for a heartbeat: those that were told the least, each some
// times only.
func (h *History) Latest(n int) (seals []*msg.Seal) {
	return h.tell(n, func(s *stream) bool { return s.said < repeat })
}

// Still is Latest for the streams of which nothing was heard since it was called last.
func (h *History) Still(n int) (seals []*msg.Seal) {
	return h.tell(n, func(s *stream) bool {
		was := s.seen
		s.seen = s.seal
		return s.said < repeat && was == s.seal
	})
}

// tell returns up to n seals of those streams that are to be told, and counts that.
func (h *History) tell(n int, which func(*stream) bool) (seals []*msg.Seal) {
	var fresh []*stream
	for _, s := range h.order {
		if which(s) {
			fresh = append(fresh, s)
		}
	}
	slices.SortStableFunc(fresh, func(a, b *stream) int { return cmp.Compare(a.said, b.said) })
	for _, s := range fresh[:min(n, len(fresh))] {
		s.said++
		seals = append(seals, s.seal)
	}
	return seals
}

// trim lets go what is beyond the limits of number and size, the oldest first.
func (h *History) trim() {
	for len(h.fifo) > 1 && (h.count > h.limits.Count || h.bytes > h.limits.Bytes) {
		s := h.streams[h.fifo[0]]
		h.fifo = h.fifo[1:]
		h.drop(s)
	}
}

// Cut lets the oldest batches go until at most so many bytes are kept.
func (h *History) Cut(bytes int) {
	for len(h.fifo) > 0 && h.bytes > bytes {
		s := h.streams[h.fifo[0]]
		h.fifo = h.fifo[1:]
		h.drop(s)
	}
}

// drop lets the lowest batch of a stream go, with what was lost before it.
func (h *History) drop(s *stream) {
	for {
		if b := s.drop(); b != nil {
			h.gone(b)
			return
		}
	}
}

// gone counts a batch that was let go.
func (h *History) gone(b *msg.Batch) {
	h.count -= len(b.Lengths)
	h.bytes -= b.Size()
	if h.Gone != nil {
		h.Gone(b)
	}
}

// Each calls f with each batch that is there, those of a stream in the order of their numbers.
func (h *History) Each(f func(*msg.Batch)) {
	for _, s := range h.order {
		for _, e := range s.entries {
			if e.batch != nil {
				f(e.batch)
			}
		}
	}
}

// Expire lets go what is older than the limit, and forgets streams of which nothing can
// come any more.
func (h *History) Expire(now time.Time) {
	old := now.Add(-h.limits.Age)
	gone := make(map[msg.Stream]int)
	for _, s := range h.order {
		for len(s.entries) > 0 && s.seal.At().Before(old) || len(s.entries) > 1 && s.entries[0].before(old) {
			if b := s.drop(); b != nil {
				h.gone(b)
				gone[s.name]++
			}
		}
		if len(s.entries) == 0 && s.seal.At().Before(old) {
			s.base = max(s.base, s.seal.Last()+1) // what is too old is wanted no longer
			s.upto = s.base
		}
	}
	h.fifo = slices.DeleteFunc(h.fifo, func(n msg.Stream) bool {
		gone[n]--
		return gone[n] >= 0
	})
	h.order = slices.DeleteFunc(h.order, func(s *stream) bool {
		if !s.over(h.limits.Age, now) {
			return false
		}
		delete(h.streams, s.name)
		return true
	})
	h.trim()
}

// before reports whether an entry is older than a time; what was lost has no age.
func (e entry) before(t time.Time) bool { return e.batch == nil || e.batch.Seal.At().Before(t) }

// Len returns how many messages and bytes are kept.
func (h *History) Len() (messages, bytes int) { return h.count, h.bytes }

// Check returns what is wrong with the history itself, for tests.
func (h *History) Check() error {
	count, bytes, batches := 0, 0, 0
	for i, s := range h.order {
		if i > 0 && !h.order[i-1].name.Less(s.name) || h.streams[s.name] != s {
			return fmt.Errorf("stream %d is out of order", i)
		}
		upto, last := s.base, s.base-1
		for _, e := range s.entries {
			if e.first <= last || e.last < e.first {
				return fmt.Errorf("messages %d to %d after %d", e.first, e.last, last)
			}
			if last = e.last; e.first == upto {
				upto = last + 1
			}
			if e.batch != nil {
				count, bytes, batches = count+len(e.batch.Lengths), bytes+e.batch.Size(), batches+1
			}
		}
		if upto != s.upto {
			return fmt.Errorf("%d are in sequence, said is %d", upto, s.upto)
		}
	}
	if count != h.count || bytes != h.bytes || batches != len(h.fifo) || len(h.order) != len(h.streams) {
		return fmt.Errorf("%d messages, %d bytes, %d batches; counted are %d, %d, %d", h.count, h.bytes, len(h.fifo), count, bytes, batches)
	}
	return nil
}
