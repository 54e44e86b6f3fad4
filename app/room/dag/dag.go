package dag

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Limits of a log.
const (
	// MaxEntries is the number of entries of a log.
	MaxEntries = 1 << 20
	// MaxRulings is how many entries that are not words one author writes: all of them are
	// looked at again when one is added.
	MaxRulings = 1 << 12
	// MaxStreams is the number of streams of one author, and MaxAllStreams of all: their
	// marks fit one message.
	MaxStreams    = 64
	MaxAllStreams = 1200
	// MaxForks is how often an author may write two entries with one number.
	MaxForks = 16
)

// Why an entry is not added.
var (
	ErrFull  = errors.New("the room's log is full, or has as much of this author as it takes: found a new room and invite its members there")
	ErrWrong = errors.New("an entry that does not fit the room's log")
	ErrForks = errors.New("too many entries of one author with the same number")
)

// node is what is kept of an entry.
type node struct {
	hash   id.Hash
	depth  uint64
	seq    uint64
	stream *stream
	time   int64
	kind   entry.Kind
	named  bool // by a later entry
	before []*node
	saw    map[*node]bool // rulings of which it was asked whether they come before it, and whether they do
	body   any            // of a ruling: *entry.Change, *entry.Epoch, *entry.Title, *entry.Storing
}

// stream is what one device of one member wrote.
type stream struct {
	name   id.ID
	author peer.Key
	nodes  []*node // by their numbers; more than one of a number in a fork
	forks  int
	fork   uint64 // the number of the first fork; 0: none
}

// author is how much one author wrote.
type author struct {
	streams, rulings int
}

func (s *stream) last() *node { return s.nodes[len(s.nodes)-1] }

// Log is one member's copy of a room's log. Not for several goroutines at once.
type Log struct {
	room     id.Hash
	founding *entry.Founding
	founder  peer.Key
	nodes    map[id.Hash]*node
	order    []*node
	rulings  []*node           // in order
	streams  map[id.ID]*stream // by their names
	names    []id.ID           // sorted
	authors  map[peer.Key]*author
	heads    []id.Hash
	state    *State // nil: to be found again
}

// New returns a log that begins with a founding that was verified.
func New(founding *entry.Entry) (*Log, error) {
	f := new(entry.Founding)
	if founding.Kind != entry.FoundingKind {
		return nil, fmt.Errorf("%w: it does not begin with a founding", ErrWrong)
	}
	if err := entry.Body(founding, f); err != nil {
		return nil, err
	}
	l := &Log{room: founding.Hash(), founding: f, founder: founding.Author,
		nodes: make(map[id.Hash]*node), streams: make(map[id.ID]*stream), authors: make(map[peer.Key]*author)}
	l.insert(&node{hash: l.room, depth: 1, seq: 1, time: founding.Time, kind: founding.Kind}, founding)
	return l, nil
}

// Room names the room.
func (l *Log) Room() id.Hash { return l.room }

// Founding is what the room began with.
func (l *Log) Founding() entry.Founding { return *l.founding }

// Len is the number of entries.
func (l *Log) Len() int { return len(l.order) }

// Depth is that of the deepest entry.
func (l *Log) Depth() uint64 { return l.order[len(l.order)-1].depth }

// Has reports whether an entry is there.
func (l *Log) Has(h id.Hash) bool { return l.nodes[h] != nil }

// HasAll reports whether all of these entries are in the log.
func (l *Log) HasAll(list []id.Hash) bool {
	return !slices.ContainsFunc(list, func(h id.Hash) bool { return !l.Has(h) })
}

// Heads are the entries that no other names, sorted. The caller must not change the list.
func (l *Log) Heads() []id.Hash { return l.heads }

// Missing returns the entries that e names and that are not there: they must be added
// before it.
func (l *Log) Missing(e *entry.Entry) []id.Hash {
	return slices.DeleteFunc(e.Before(), l.Has)
}

// Add adds an entry that was verified, whose Missing is empty. It reports whether the entry
// was not there before. The error wraps ErrWrong, ErrFull or ErrForks, and means that the
// entry is one that no member takes, or that none can take.
func (l *Log) Add(e *entry.Entry) (bool, error) {
	h := e.Hash()
	if l.Has(h) {
		return false, nil
	}
	if e.Room != l.room {
		return false, fmt.Errorf("%w: of another room", ErrWrong)
	}
	n := &node{hash: h, depth: e.Depth, seq: e.Seq, time: e.Time, kind: e.Kind}
	if err := l.fits(n, e); err != nil {
		return false, err
	}
	if err := n.rule(e); err != nil {
		return false, err
	}
	if a := l.authors[e.Author]; a != nil && n.body != nil && a.rulings >= MaxRulings || len(l.order) >= MaxEntries {
		return false, ErrFull
	}
	l.insert(n, e)
	return true, nil
}

// fits checks an entry against those that it names.
func (l *Log) fits(n *node, e *entry.Entry) error {
	deepest := uint64(0)
	for _, h := range e.Before() {
		before := l.nodes[h]
		if before == nil {
			return fmt.Errorf("%w: what comes before it is not there", ErrWrong)
		}
		deepest = max(deepest, before.depth)
	}
	if n.depth != deepest+1 {
		return fmt.Errorf("%w: at depth %d after %d", ErrWrong, n.depth, deepest)
	}
	s := l.streams[entry.StreamName(e.Author, e.Stream)]
	switch a := l.authors[e.Author]; {
	case s == nil && e.Seq != 1:
		return fmt.Errorf("%w: number %d of a stream that did not begin", ErrWrong, e.Seq)
	case s == nil && (a != nil && a.streams >= MaxStreams || len(l.streams) >= MaxAllStreams):
		return ErrFull
	case s == nil:
		return nil
	case e.Seq > 1 && (l.nodes[e.Prev].stream != s || l.nodes[e.Prev].seq != e.Seq-1):
		return fmt.Errorf("%w: number %d does not follow the one before it", ErrWrong, e.Seq)
	case e.Seq <= s.last().seq && s.forks >= MaxForks:
		return ErrForks
	}
	return nil
}

// rule decodes the body of what is not words.
func (n *node) rule(e *entry.Entry) error {
	switch e.Kind {
	case entry.ChangeKind:
		n.body = new(entry.Change)
	case entry.EpochKind:
		n.body = new(entry.Epoch)
	case entry.TitleKind:
		n.body = new(entry.Title)
	case entry.StoringKind:
		n.body = new(entry.Storing)
	default:
		return nil
	}
	return entry.Body(e, n.body)
}

// compare orders nodes as a room shows them.
func compare(a, b *node) int {
	return cmp.Or(cmp.Compare(a.depth, b.depth), bytes.Compare(a.hash[:], b.hash[:]))
}

func place(list []*node, n *node) []*node {
	at, _ := slices.BinarySearchFunc(list, n, compare)
	return slices.Insert(list, at, n)
}

// open returns the stream of an entry, which begins now if it is not there, and its author.
func (l *Log) open(e *entry.Entry) (*stream, *author) {
	a := l.authors[e.Author]
	if a == nil {
		a = new(author)
		l.authors[e.Author] = a
	}
	name := entry.StreamName(e.Author, e.Stream)
	s := l.streams[name]
	if s == nil {
		a.streams++
		s = &stream{name: name, author: e.Author}
		l.streams[name] = s
		at, _ := slices.BinarySearchFunc(l.names, name, id.ID.Cmp)
		l.names = slices.Insert(l.names, at, name)
	}
	return s, a
}

func (l *Log) insert(n *node, e *entry.Entry) {
	s, a := l.open(e)
	if len(s.nodes) > 0 && n.seq <= s.last().seq {
		s.forks++
		if s.fork == 0 || n.seq < s.fork {
			s.fork = n.seq
		}
	}
	n.stream = s
	at, _ := slices.BinarySearchFunc(s.nodes, n, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), bytes.Compare(a.hash[:], b.hash[:]))
	})
	s.nodes = slices.Insert(s.nodes, at, n)
	l.nodes[n.hash] = n
	l.order = place(l.order, n)
	if n.body != nil {
		a.rulings++
		l.rulings = place(l.rulings, n)
		l.state = nil
	}
	l.lead(n, e)
}

// lead makes a new entry a head, in place of those that it names.
func (l *Log) lead(n *node, e *entry.Entry) {
	for _, h := range e.Before() {
		before := l.nodes[h]
		n.before = append(n.before, before)
		if before.named {
			continue
		}
		before.named = true
		at, _ := slices.BinarySearchFunc(l.heads, h, hashes)
		l.heads = slices.Delete(l.heads, at, at+1)
	}
	at, _ := slices.BinarySearchFunc(l.heads, n.hash, hashes)
	l.heads = slices.Insert(l.heads, at, n.hash)
}

func hashes(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) }

// Next returns an entry of a stream that comes after all that is here, without kind, time
// and body, to be signed by its author. A stream that is not there begins.
func (l *Log) Next(by peer.Key, streamID id.ID) *entry.Entry {
	e := &entry.Entry{Room: l.room, Author: by, Stream: streamID, Seq: 1}
	deepest := uint64(0)
	if s := l.streams[entry.StreamName(by, streamID)]; s != nil {
		last := s.last()
		e.Seq, e.Prev, deepest = last.seq+1, last.hash, last.depth
	}
	heads := make([]*node, 0, len(l.heads))
	for _, h := range l.heads {
		if h != e.Prev {
			heads = append(heads, l.nodes[h])
		}
	}
	slices.SortFunc(heads, func(a, b *node) int { return compare(b, a) })
	var named []id.Hash
	for _, n := range heads[:min(len(heads), entry.MaxParents)] {
		named = append(named, n.hash)
		deepest = max(deepest, n.depth)
	}
	e.Parents, e.Depth = entry.Join(named), deepest+1
	return e
}
