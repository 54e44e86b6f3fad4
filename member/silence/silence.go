// Package silence is for how long admitters have been silent, and how many others a ring needs for that.
package silence

import (
	"cmp"
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
	// For is how long an admitter may be silent until others are appointed in its place.
	For = 7 * 24 * time.Hour
	// lookGap is how long after one look at the other admitters the next may come.
	lookGap = 10 * time.Minute
	// maxSilence is how much of the time between two looks counts at most. So neither a clock
	// that is set nor a sleep of ours makes others silent.
	maxSilence = time.Hour
)

// Admitter is one that has not answered for long.
type Admitter struct {
	Node id.ID
	For  time.Duration // in which the holder of the authority has looked
}

// Watch is for how long each of the other admitters has been silent, as far as this node has
// looked: only the holder of the authority does. The zero Watch has not looked yet. Its methods
// may be called from any goroutine, but for two looks at once.
type Watch struct {
	mu     sync.Mutex
	looked time.Time // zero: not since the start
	of     map[peer.Key]time.Duration
}

// Look looks which of the others of all admitters answer, and returns those that have been silent
// for For. Where too few answer for a majority, it may be this node that is cut off: then
// nobody's silence grows. A silence is kept durably, as a node may be restarted every day. up says
// of each of the others whether it answers; errors are its own and those of the book.
func (s *Watch) Look(b book.Book, ring id.Hash, now time.Time, all, others []*invite.Admitter, up func() ([]bool, error)) ([]Admitter, error) {
	s.mu.Lock()
	since := now.Sub(s.looked)
	if !s.looked.IsZero() && 0 <= since && since < lookGap {
		defer s.mu.Unlock()
		return s.long(all), nil
	}
	s.mu.Unlock() // two looks are kept apart, and nobody else writes
	answers, err := up()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked.IsZero() {
		since = 0
		if err := s.read(b, ring); err != nil {
			return nil, err
		}
	}
	since = max(since, 0) // the clock was set back
	s.looked = now
	n := len(all) - len(others)
	for _, is := range answers {
		if is {
			n++
		}
	}
	for _, key := range slices.Collect(maps.Keys(s.of)) {
		if i := slices.IndexFunc(others, func(a *invite.Admitter) bool { return a.Key == key }); i < 0 || answers[i] {
			delete(s.of, key) // it answers, or lets nobody in any more
			if err := b.Drop(ring, book.TagSilent, key[:]); err != nil {
				return nil, err
			}
		}
	}
	for i, a := range others {
		was, known := s.of[a.Key]
		if !answers[i] && n >= len(all)/2+1 && (since > 0 || !known) {
			s.of[a.Key] = was + min(since, maxSilence)
			if err := b.Put(ring, book.TagSilent, a.Key[:], book.Silent{Seconds: uint32(s.of[a.Key] / time.Second)}); err != nil {
				return nil, err
			}
		}
	}
	return s.long(all), nil
}

// read reads what was counted before this start. mu is held.
func (s *Watch) read(b book.Book, ring id.Hash) error {
	s.of = map[peer.Key]time.Duration{}
	return book.Each(b, ring, book.TagSilent, nil, func(rest []byte, r *book.Silent) bool {
		if len(rest) == peer.KeySize {
			s.of[peer.Key(rest)] = time.Duration(r.Seconds) * time.Second
		}
		return true
	})
}

// Long returns who of the admitters has been silent for For, as far as was looked, the longest first.
func (s *Watch) Long(as []*invite.Admitter) []Admitter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.long(as)
}

// long is Long. mu is held.
func (s *Watch) long(as []*invite.Admitter) (out []Admitter) {
	for _, a := range as {
		if d := s.of[a.Key]; d >= For {
			out = append(out, Admitter{a.Node, d})
		}
	}
	slices.SortStableFunc(out, func(a, b Admitter) int { return cmp.Compare(b.For, a.For) })
	return out
}

// First is how many admitters a ring gets by itself, any one of which may then be
// off; more how many one of largeRing members gets: any two may be off.
const (
	First     = 3
	more      = 5
	largeRing = 12
)

// Missing is how many more admitters a ring should have that has all of them, of which silent
// ones do not count, and so many other members: so many that there are as many as wanted, and as
// many of those that are not silent may be off as in a ring that has just these. Beside each that
// is silent it takes two: it still counts in every majority.
func Missing(all, silent, members int) int {
	wanted := First
	if all+members >= largeRing {
		wanted = more
	}
	n := 0
	for all+n < wanted || all+n-silent-((all+n)/2+1) < wanted/2 {
		n++
	}
	return n
}
