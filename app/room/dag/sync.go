package dag

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Mark says up to which number somebody has a stream.
type Mark struct {
	Stream id.ID
	Last   uint64
}

// Marks returns how far each stream is here, by their names: what another member needs to
// know to send the rest. Of a forked stream only what comes before the fork is marked, so all
// after it is sent: marks cannot tell branches apart.
func (l *Log) Marks() []Mark {
	list := make([]Mark, 0, len(l.names))
	for _, name := range l.names {
		s := l.streams[name]
		m := Mark{name, s.last().seq}
		if s.fork != 0 {
			m.Last = s.fork - 1
		}
		list = append(list, m)
	}
	return list
}

// MarksBefore returns how far each stream goes among an entry that is here and all that comes before it.
func (l *Log) MarksBefore(x id.Hash) []Mark {
	last := map[id.ID]uint64{}
	for _, h := range l.Among(x) {
		n := l.nodes[h]
		last[n.stream.name] = max(last[n.stream.name], n.seq)
	}
	list := l.Marks()
	for i, m := range list {
		list[i].Last = min(m.Last, last[m.Stream])
	}
	return slices.DeleteFunc(list, func(m Mark) bool { return m.Last == 0 })
}

// Beyond calls f for the entries that somebody with these marks lacks, in order, so that he can
// add them one after another, until f returns false. After a fork that he may not know of,
// entries that he has may be among them.
func (l *Log) Beyond(marks []Mark, f func(h id.Hash) bool) {
	has := make(map[id.ID]uint64, len(marks))
	for _, m := range marks {
		has[m.Stream] = m.Last
	}
	var list []*node
	for _, name := range l.names {
		s := l.streams[name]
		from := has[name]
		if s.fork != 0 {
			from = min(from, s.fork-1)
		}
		at, _ := slices.BinarySearchFunc(s.nodes, from+1, func(n *node, seq uint64) int { return cmp.Compare(n.seq, seq) })
		list = append(list, s.nodes[at:]...)
	}
	slices.SortFunc(list, compare)
	for _, n := range list {
		if !f(n.hash) {
			return
		}
	}
}

// Cut is what a change that puts somebody out names: all of his streams, up to what is here.
// Of more than entry.MaxCut streams the latest ones stay.
func (l *Log) Cut(who peer.Key) []byte {
	var last []*node
	for _, name := range l.names {
		if s := l.streams[name]; s.author == who {
			last = append(last, s.last())
		}
	}
	slices.SortFunc(last, func(a, b *node) int { return compare(b, a) })
	var c []byte
	for _, n := range last[:min(len(last), entry.MaxCut)] {
		c = entry.AppendCut(c, n.stream.name, n.seq)
	}
	return c
}

// Epoch returns what the entry of an epoch holds, or nil if it is not here or none.
func (l *Log) Epoch(h id.Hash) *entry.Epoch {
	n := l.nodes[h]
	if n == nil {
		return nil
	}
	p, _ := n.body.(*entry.Epoch)
	return p
}

// EachEpoch calls f for every epoch, the current and all others, in order.
func (l *Log) EachEpoch(f func(h id.Hash, p *entry.Epoch)) {
	for _, n := range l.rulings {
		if p, ok := n.body.(*entry.Epoch); ok {
			f(n.hash, p)
		}
	}
}

// Author is who wrote an entry; zero if it is not here.
func (l *Log) Author(h id.Hash) peer.Key {
	if n := l.nodes[h]; n != nil {
		return n.stream.author
	}
	return peer.Key{}
}

// Forked returns who wrote two entries with one number, by their keys.
func (l *Log) Forked() []peer.Key {
	var list []peer.Key
	for _, name := range l.names {
		if s := l.streams[name]; s.fork != 0 {
			list = append(list, s.author)
		}
	}
	slices.SortFunc(list, func(a, b peer.Key) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(list)
}

// Line is an entry as a room shows it.
type Line struct {
	Hash   id.Hash
	Author peer.Key
	Kind   entry.Kind
	Time   int64 // by its author's clock, Unix milliseconds
}

// Shown calls f for the entries that are shown, the latest first, until f returns false.
func (l *Log) Shown(f func(Line) bool) {
	s := l.State()
	for _, n := range slices.Backward(l.order) {
		if s.shows(n) && !f(Line{n.hash, n.stream.author, n.kind, n.time}) {
			return
		}
	}
}
