package history

import (
	"slices"
	"sort"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
)

// stream is what is known of one stream.
type stream struct {
	name msg.Stream
	// base is the number of the first message that is kept or wanted. upto is the first one
	// after base that is not there: all between is, or was lost.
	base, upto uint64
	// live is the number of the first message that was published since this node came; those
	// before were told of as what others have, and are history.
	live    uint64
	entries []entry   // by number, none overlaps another
	seal    *msg.Seal // the highest that was heard of
	said    int       // in how many heartbeats
	seen    *msg.Seal // the highest when Still was called last
}

// entry is a batch, or a run of messages that was lost for good.
type entry struct {
	first, last uint64
	batch       *msg.Batch // nil: lost
}

// at returns the index of the first entry that ends at seq or later.
func (s *stream) at(seq uint64) int {
	return sort.Search(len(s.entries), func(i int) bool { return s.entries[i].last >= seq })
}

// insert adds an entry, unless it lies before base or overlaps one that is there. What was
// taken for lost and comes after all is there from then on.
func (s *stream) insert(e entry) bool {
	i := s.at(e.first)
	if e.first < s.base || s.holds(i, e.last) || e.batch == nil && i < len(s.entries) && s.entries[i].first <= e.last {
		return false
	}
	s.entries = slices.Insert(s.entries, s.carve(i, e), e)
	if e.first <= s.upto && s.upto <= e.last {
		s.upto = e.last + 1
		s.advance(s.at(s.upto))
	}
	return true
}

// holds reports whether a batch is among the entries from the i-th on that begin at last or
// before.
func (s *stream) holds(i int, last uint64) bool {
	for ; i < len(s.entries) && s.entries[i].first <= last; i++ {
		if s.entries[i].batch != nil {
			return true
		}
	}
	return false
}

// carve makes room for an entry among those that were lost, from the i-th on, and returns
// where it belongs.
func (s *stream) carve(i int, e entry) int {
	j := i
	var rest []entry
	for ; j < len(s.entries) && s.entries[j].first <= e.last; j++ {
		if lost := s.entries[j]; lost.first < e.first {
			rest = append(rest, entry{first: lost.first, last: e.first - 1})
		}
	}
	at := i + len(rest)
	if j > i && s.entries[j-1].last > e.last {
		rest = append(rest, entry{first: e.last + 1, last: s.entries[j-1].last})
	}
	s.entries = slices.Replace(s.entries, i, j, rest...)
	return at
}

// advance moves upto over the entries from the i-th on that follow it.
func (s *stream) advance(i int) {
	for ; i < len(s.entries) && s.entries[i].first == s.upto; i++ {
		s.upto = s.entries[i].last + 1
	}
}

// lower makes the messages from base on wanted.
func (s *stream) lower(base uint64) {
	if base >= s.base {
		return
	}
	s.base, s.upto = base, base
	s.advance(0)
}

// drop removes the lowest entry, and returns its batch, nil if it was lost.
func (s *stream) drop() *msg.Batch {
	e := s.entries[0]
	s.entries[0] = entry{}
	s.entries = s.entries[1:]
	s.base = e.last + 1
	if s.upto < s.base {
		s.upto = s.base
		s.advance(0)
	}
	return e.batch
}

// missing appends the runs of messages that are not there, up to the highest that was
// heard of, at most n in all.
func (s *stream) missing(to []Run, n int) []Run {
	from := s.upto
	for i := s.at(from); len(to) < n && from <= s.seal.Last(); i++ {
		end := s.seal.Last()
		if i < len(s.entries) {
			end = min(end, s.entries[i].first-1)
		}
		if from <= end {
			to = append(to, Run{s.name, from, end})
		}
		if i >= len(s.entries) {
			break
		}
		from = s.entries[i].last + 1
	}
	return to
}

// over reports whether nothing of the stream can come again: what is older than its age is
// refused by who checks signatures, and a replayed batch of a stream that was forgotten
// would be older than that.
func (s *stream) over(age time.Duration, now time.Time) bool {
	return len(s.entries) == 0 && s.seal.At().Add(age+2*msg.Skew).Before(now)
}
