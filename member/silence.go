package member

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
)

const (
	// SilentFor is how long an admitter may be silent until others are appointed in its place.
	SilentFor = 7 * 24 * time.Hour
	// lookGap is how long after one look at the other admitters the next may come.
	lookGap = 10 * time.Minute
	// maxSilence is how much of the time between two looks counts at most. So neither a clock
	// that is set nor a sleep of ours makes others silent.
	maxSilence = time.Hour
)

// silence is for how long each of the other admitters has been silent, as far as this node has
// looked: only the holder of the authority does.
type silence struct {
	mu     sync.Mutex
	looked time.Time // zero: not since the start
	of     map[peer.Key]time.Duration
}

// answering calls admitters, for 3 s at most, and returns which of them answer.
func (m *Member) answering(ctx context.Context, as []*invite.Admitter) []bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	up := make([]bool, len(as))
	var all sync.WaitGroup
	for i, a := range as {
		all.Go(func() {
			if c, err := m.open(ctx, a.Key, m.addrsOf(a.Key, a.Addrs)); err == nil {
				c.Stream.Close()
				up[i] = true
			}
		})
	}
	all.Wait()
	return up
}

// lookForSilent looks which of the other admitters answer, and returns those that have been silent
// for SilentFor. Where too few answer for a majority, it may be this node that is cut off: then
// nobody's silence grows. A silence is kept durably, as a node may be restarted every day.
func (m *Member) lookForSilent(ctx context.Context, ring id.Hash, as []*invite.Admitter) (map[peer.Key]time.Duration, error) {
	s := &m.silence
	now := m.cfg.Now()
	s.mu.Lock()
	since := now.Sub(s.looked)
	if !s.looked.IsZero() && 0 <= since && since < lookGap {
		defer s.mu.Unlock()
		return s.long(as), nil
	}
	s.mu.Unlock() // change keeps two looks apart, and nobody else writes
	others := m.withoutMe(as)
	up := m.answering(ctx, others)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked.IsZero() {
		since = 0
		if err := m.readSilence(ring); err != nil {
			return nil, err
		}
	}
	since = max(since, 0) // the clock was set back
	s.looked = now
	n := len(as) - len(others)
	for _, is := range up {
		if is {
			n++
		}
	}
	for _, key := range slices.Collect(maps.Keys(s.of)) {
		if i := slices.IndexFunc(others, func(a *invite.Admitter) bool { return a.Key == key }); i < 0 || up[i] {
			delete(s.of, key) // it answers, or lets nobody in any more
			if err := m.book.Drop(ring, book.TagSilent, key[:]); err != nil {
				return nil, err
			}
		}
	}
	for i, a := range others {
		was, known := s.of[a.Key]
		if !up[i] && n >= len(as)/2+1 && (since > 0 || !known) {
			s.of[a.Key] = was + min(since, maxSilence)
			if err := m.book.Put(ring, book.TagSilent, a.Key[:], book.Silent{Seconds: uint32(s.of[a.Key] / time.Second)}); err != nil {
				return nil, err
			}
		}
	}
	return s.long(as), nil
}

// readSilence reads what was counted before this start. silence.mu is held.
func (m *Member) readSilence(ring id.Hash) error {
	m.silence.of = map[peer.Key]time.Duration{}
	return book.Each(m.book, ring, book.TagSilent, nil, func(rest []byte, r *book.Silent) bool {
		if len(rest) == peer.KeySize {
			m.silence.of[peer.Key(rest)] = time.Duration(r.Seconds) * time.Second
		}
		return true
	})
}

// long returns who of the admitters has been silent for SilentFor. mu is held.
func (s *silence) long(as []*invite.Admitter) map[peer.Key]time.Duration {
	out := map[peer.Key]time.Duration{}
	for _, a := range as {
		if d := s.of[a.Key]; d >= SilentFor {
			out[a.Key] = d
		}
	}
	return out
}

// missing is how many more admitters a ring should have that has all of them, of which silent
// ones do not count: so many that there are as many as wanted, and as many of those that are
// not silent may be off as in a ring that has just these. Beside each that is silent it takes two:
// it still counts in every majority.
func missing(all, silent, wanted int) int {
	n := 0
	for all+n < wanted || all+n-silent-((all+n)/2+1) < wanted/2 {
		n++
	}
	return n
}
