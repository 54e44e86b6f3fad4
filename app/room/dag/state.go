package dag

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Person is somebody who is in a room, or was.
type Person struct {
	Key    peer.Key
	Name   string // that who made him a member knew him by; may be empty
	Role   entry.Role
	Number uint64  // of the change that holds; 0 for the founder
	Ruling id.Hash // that change's entry; zero for the founder
}

// Epoch is a key epoch of a room.
type Epoch struct {
	Entry id.Hash
	Epoch *entry.Epoch
}

// State is what a log says of its room. It is frozen.
type State struct {
	Title       string
	TitleNumber uint64
	Owner       peer.Key
	People      []Person // by their keys
	// Epoch is the one to lock words with: of those that nobody can have who is out, or of
	// all where there is none such, the one with the highest number, and of two the one with
	// the smaller hash. Epoch.Epoch is nil before the first.
	Epoch Epoch
	// Epochs is the highest number of an epoch.
	Epochs uint64
	// Stored tells that members put the log into the ring's storage, StoringNumber the number of
	// the entry that says so or not.
	Stored        bool
	StoringNumber uint64
	// Disputed is set where an owner handed the room over more than once: one of those to
	// whom he did was betrayed.
	Disputed bool
	public   bool
	stale    bool                // Epoch
	split    bool                // Epoch
	limits   map[peer.Key]limits // of those who were put out: what is shown still
}

// State returns what the log says now.
func (l *Log) State() *State {
	if l.state == nil {
		l.state = l.judge()
	}
	return l.state
}

// Find returns what somebody is; Out and the number 0 for who never was there.
func (s *State) Find(who peer.Key) Person {
	at, found := slices.BinarySearchFunc(s.People, who, func(p Person, k peer.Key) int { return bytes.Compare(p.Key[:], k[:]) })
	if !found {
		return Person{Key: who, Role: entry.Out}
	}
	return s.People[at]
}

// Role is what somebody is: in a public room, who never was put out is a member.
func (s *State) Role(who peer.Key) entry.Role {
	p := s.Find(who)
	if s.public && p.Number == 0 && p.Role == entry.Out {
		return entry.Member
	}
	return p.Role
}

// Readers are the keys of those who are in the room, sorted, as an epoch lists them.
func (s *State) Readers() []byte {
	var keys []byte
	for _, p := range s.People {
		if p.Role > entry.Out {
			keys = append(keys, p.Key[:]...)
		}
	}
	return keys
}

// Admins is how many may begin an epoch.
func (s *State) Admins() int {
	n := 0
	for _, p := range s.People {
		if p.Role >= entry.Admin {
			n++
		}
	}
	return n
}

// Stale reports whether an admin should begin a new epoch: there is none in a room for invited
// people, or somebody can have its key who is out. Who came after it began has it from any
// member; so of somebody who is out it must come after what put him out.
func (s *State) Stale() bool { return !s.public && (s.Epoch.Epoch == nil || s.stale) }

// Split reports whether admins began epochs at once, each without somebody who can have the other
// one's key: what is locked with either of them is read by somebody whom an epoch leaves out already.
// An epoch of an admin who knows both brings them together.
func (s *State) Split() bool { return !s.public && s.split }

// reads reports whether somebody is among the readers of an epoch who is out.
func (s *State) reads(p *entry.Epoch) bool {
	found := false
	p.EachReader(func(k peer.Key) { found = found || s.Role(k) == entry.Out })
	return found
}

// shows reports whether an entry is shown.
func (s *State) shows(n *node) bool {
	if limit, ok := s.limits[n.stream.author][n.stream.name]; ok {
		return n.seq <= limit
	}
	return s.Role(n.stream.author) > entry.Out
}

// judge finds out the state, from the rulings alone.
func (l *Log) judge() *State {
	j := judge{log: l, counts: uint64(len(l.rulings)), reigns: map[peer.Key]limits{}, admins: map[peer.Key]limits{},
		outs: map[peer.Key][]ruling{}, ins: map[peer.Key]uint64{}}
	j.findOwner()
	j.findAdmins()
	s := &State{Title: l.founding.Title, Owner: j.owner, public: l.founding.Public, limits: map[peer.Key]limits{}}
	j.findPeople(s)
	j.findEpoch(s)
	s.Disputed = j.disputed
	return s
}

// limits says up to which entry each stream of somebody counts; nil: all of them.
type limits map[id.ID]uint64

func (c limits) allow(n *node) bool { return c == nil || n.seq <= c[n.stream.name] }

func cut(c *entry.Change) limits {
	m := limits{}
	entry.EachCut(c.Cut, func(stream id.ID, last uint64) { m[stream] = last })
	return m
}

// judge is how the rulings of a log are weighed.
type judge struct {
	log      *Log
	owner    peer.Key
	disputed bool
	counts   uint64 // rulings: no number is higher that honest people write
	// reigns are the entries that count as an owner's, and admins those that count as an
	// admin's, of all who are or were that.
	reigns map[peer.Key]limits
	admins map[peer.Key]limits
	// outs are the rulings that count by which somebody is out, and ins the highest numbers
	// of those by which he is in.
	outs map[peer.Key][]ruling
	ins  map[peer.Key]uint64
}

// changes calls f for each change whose number can be right.
func (j *judge) changes(f func(n *node, c *entry.Change)) {
	for _, n := range j.log.rulings {
		if c, ok := n.body.(*entry.Change); ok && c.Number <= j.counts {
			f(n, c)
		}
	}
}

// findOwner follows the room from hand to hand. Of several hand-overs in one reign the
// first in the order counts.
func (j *judge) findOwner() {
	j.owner = j.log.founder
	since := uint64(0) // the depth of the hand-over that made him owner
	for range j.log.rulings {
		j.reigns[j.owner] = nil
		var first *node
		var to *entry.Change
		j.changes(func(n *node, c *entry.Change) {
			switch {
			case c.Role != entry.Owner || n.stream.author != j.owner || n.depth <= since || c.Who == j.owner:
			case first == nil:
				first, to = n, c
			case !j.returned(first, n):
				j.disputed = true
			}
		})
		if first == nil {
			return
		}
		// What he wrote with his hand-over, and after it, is not the owner's.
		reign := cut(to)
		reign[first.stream.name] = first.seq
		j.reigns[j.owner] = reign
		j.owner, since = to.Who, first.depth
	}
}

// returned reports whether the room came back to the author of two hand-overs between them.
func (j *judge) returned(first, second *node) bool {
	found := false
	j.changes(func(n *node, c *entry.Change) {
		found = found || c.Role == entry.Owner && c.Who == first.stream.author && n.stream.author != c.Who &&
			first.depth < n.depth && n.depth < second.depth
	})
	return found
}

// owners reports whether an entry counts as the owner's.
func (j *judge) owners(n *node) bool {
	reign, ok := j.reigns[n.stream.author]
	return ok && reign.allow(n)
}

// ruling is a change with its entry.
type ruling struct {
	node   *node
	change *entry.Change
}

// over reports whether r holds against o, which may be empty, or comes before it in order.
func (r ruling) over(o ruling) bool {
	if o.node == nil {
		return true
	}
	return cmp.Or(cmp.Compare(r.change.Number, o.change.Number), cmp.Compare(o.change.Role, r.change.Role)) > 0
}

// findAdmins finds out who is an admin, and what counts of who was one: by what owners say,
// and admins who leave.
func (j *judge) findAdmins() {
	latest := map[peer.Key]ruling{}
	was := map[peer.Key]bool{}
	for _, who := range keys(j.reigns) {
		was[who] = true
	}
	j.changes(func(n *node, c *entry.Change) {
		left := c.Role == entry.Out && n.stream.author == c.Who
		if !j.owners(n) && !left {
			return
		}
		was[c.Who] = was[c.Who] || c.Role >= entry.Admin
		if r := (ruling{n, c}); r.over(latest[c.Who]) {
			latest[c.Who] = r
		}
	})
	for _, who := range keys(was) {
		r := latest[who]
		switch {
		case who == j.owner || r.node == nil || r.change.Role >= entry.Admin:
			j.admins[who] = nil
		default:
			j.admins[who] = cut(r.change)
		}
	}
}

// mayChange reports whether a change of somebody's role counts.
func (j *judge) mayChange(n *node, c *entry.Change) bool {
	author := n.stream.author
	if j.owners(n) {
		return true
	}
	if author == c.Who {
		return c.Role == entry.Out && c.Who != j.owner || c.Role == entry.Member && j.log.founding.Public
	}
	admin, ok := j.admins[author]
	held, isAdmin := j.admins[c.Who]
	return ok && admin.allow(n) && c.Role <= entry.Member && !(isAdmin && held == nil)
}

// findPeople weighs all that counts about each person.
func (j *judge) findPeople(s *State) {
	best := map[peer.Key]ruling{}
	banned := map[peer.Key]ruling{} // the latest word of who has more rights than he
	j.changes(func(n *node, c *entry.Change) {
		if !j.mayChange(n, c) {
			return
		}
		r := ruling{n, c}
		if c.Role == entry.Out {
			s.limit(c)
			j.outs[c.Who] = append(j.outs[c.Who], r)
		} else {
			j.ins[c.Who] = max(j.ins[c.Who], c.Number)
		}
		if n.stream.author != c.Who && r.over(banned[c.Who]) {
			banned[c.Who] = r
		}
		if r.over(best[c.Who]) {
			best[c.Who] = r
		}
	})
	for _, who := range keys(best) {
		r := best[who]
		// Nobody comes back by himself who was put out.
		if b := banned[who]; b.node != nil && b.change.Role == entry.Out && r.node.stream.author == who {
			best[who] = b
		}
	}
	s.People = people(j, best)
	for _, n := range j.log.rulings {
		switch b := n.body.(type) {
		case *entry.Title:
			if j.mayRule(n) && b.Number <= j.counts && b.Number > s.TitleNumber {
				s.Title, s.TitleNumber = b.Title, b.Number
			}
		case *entry.Storing:
			if j.mayRule(n) && b.Number <= j.counts && b.Number > s.StoringNumber {
				s.Stored, s.StoringNumber = b.On, b.Number
			}
		}
	}
}

// limit notes what is shown still of somebody who was put out, or left.
func (s *State) limit(c *entry.Change) {
	of := s.limits[c.Who]
	if of == nil {
		of = limits{}
		s.limits[c.Who] = of
	}
	entry.EachCut(c.Cut, func(stream id.ID, last uint64) {
		if old, ok := of[stream]; !ok || last < old {
			of[stream] = last
		}
	})
}

func people(j *judge, best map[peer.Key]ruling) []Person {
	if _, ok := best[j.log.founder]; !ok {
		best[j.log.founder] = ruling{change: &entry.Change{Role: entry.Admin, Name: j.log.founding.Name}}
	}
	var list []Person
	for _, who := range keys(best) {
		r := best[who]
		p := Person{Key: who, Name: r.change.Name, Role: r.change.Role, Number: r.change.Number}
		if r.node != nil {
			p.Ruling = r.node.hash
		}
		switch held, isAdmin := j.admins[who]; {
		case who == j.owner:
			p.Role = entry.Owner
		case isAdmin && held == nil && p.Role > entry.Out:
			p.Role = entry.Admin
		default:
			p.Role = min(p.Role, entry.Member)
		}
		list = append(list, p)
	}
	return list
}

// keys are the keys of a map, sorted.
func keys[V any](m map[peer.Key]V) []peer.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b peer.Key) int { return bytes.Compare(a[:], b[:]) })
}

// mayRule reports whether an entry counts as that of an admin.
func (j *judge) mayRule(n *node) bool {
	admin, ok := j.admins[n.stream.author]
	return ok && admin.allow(n) || j.owners(n)
}

// findEpoch needs to know who is in the room.
func (j *judge) findEpoch(s *State) {
	var list []*node
	for _, n := range j.log.rulings {
		if p, ok := n.body.(*entry.Epoch); ok && j.mayRule(n) && p.Number <= j.counts {
			list = append(list, n)
			s.Epochs = max(s.Epochs, p.Number)
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.body.(*entry.Epoch).Number, a.body.(*entry.Epoch).Number), bytes.Compare(a.hash[:], b.hash[:]))
	})
	gone := j.gone(s)
	current := list[0]
	at := slices.IndexFunc(list, func(n *node) bool { return !s.reads(n.body.(*entry.Epoch)) && j.log.saw(n, gone) })
	if s.stale = at < 0; !s.stale {
		current = list[at]
	}
	s.Epoch = Epoch{current.hash, current.body.(*entry.Epoch)}
	s.split = s.stale && slices.ContainsFunc(gone, func(ends []*node) bool {
		one := [][]*node{ends}
		return !j.log.saw(current, one) && slices.ContainsFunc(list, func(n *node) bool { return j.log.saw(n, one) })
	})
}

// EpochsBefore are those that come before an entry.
func (l *Log) EpochsBefore(x id.Hash) map[id.Hash]bool {
	at := l.nodes[x]
	if at == nil {
		return nil
	}
	var all [][]*node
	for _, n := range l.rulings {
		if _, ok := n.body.(*entry.Epoch); ok {
			all = append(all, []*node{n})
		}
	}
	l.saw(at, all)
	before := map[id.Hash]bool{}
	for _, one := range all {
		if at.saw[one[0]] {
			before[one[0].hash] = true
		}
	}
	return before
}

// gone are, for each who is out, the rulings each of which ended that he is in: those after the
// last that made him a member. Who says again that he leaves does not begin another epoch.
func (j *judge) gone(s *State) [][]*node {
	var list [][]*node
	for _, p := range s.People {
		var ends []*node
		for _, r := range j.outs[p.Key] {
			if r.change.Number >= j.ins[p.Key] {
				ends = append(ends, r.node)
			}
		}
		if p.Role == entry.Out {
			list = append(list, ends)
		}
	}
	return list
}

// saw reports whether of each of these lists of rulings one comes before an entry, an epoch mostly. What comes
// before an entry never changes: it is looked for once.
func (l *Log) saw(at *node, rulings [][]*node) bool {
	asked := map[id.Hash]*node{}
	for _, list := range rulings {
		for _, r := range list {
			if _, known := at.saw[r]; !known && r.depth < at.depth {
				asked[r.hash] = r
			}
		}
	}
	if len(asked) > 0 {
		if at.saw == nil {
			at.saw = map[*node]bool{}
		}
		left := len(asked)
		l.Reach([][]id.Hash{{at.hash}}, func(h id.Hash, by Bits) bool {
			if r := asked[h]; r != nil {
				at.saw[r] = by.Has(0)
				left--
			}
			return left > 0
		})
	}
	return !slices.ContainsFunc(rulings, func(list []*node) bool {
		return !slices.ContainsFunc(list, func(r *node) bool { return at.saw[r] })
	})
}
