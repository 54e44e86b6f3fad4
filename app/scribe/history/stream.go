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
	entries    []entry   // by number, none overlaps another
	seal       *msg.Seal // the highest that was heard of
	said       int       // in how many heartbeats
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

// insert adds an entry, unless it overlaps another or lies before base.
func (s *stream) insert(e entry) bool {
	i := s.at(e.first)
	if e.first < s.base || i < len(s.entries) && s.entries[i].first <= e.last {
		return false
	}
	s.entries = slices.Insert(s.entries, i, e)
	if e.first == s.upto {
		s.advance(i)
	}
	return true
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
