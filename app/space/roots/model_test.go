package roots_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
)

// This file tests what becomes of a space whose parts meet without storage, ring and time, in some ten thousand roots and views.

// nodes are a directory's nodes, in no storage.
type nodes struct {
	have map[id.Hash]*tree.Node
	n    uint64
	// asked are those that were asked for.
	asked map[id.Hash]bool
}

func (ns *nodes) Load(refs []piece.Ref) (list []*tree.Node, err error) {
	for _, r := range refs {
		if ns.asked != nil {
			ns.asked[r.Object] = true
		}
		n := ns.have[r.Object]
		if n == nil {
			return nil, roots.ErrGone
		}
		list = append(list, n)
	}
	return list, nil
}

func (ns *nodes) Save(list []*tree.Node) (refs []piece.Ref, err error) {
	for _, n := range list {
		ns.n++
		r := piece.Ref{Object: id.HashOf("node", ns.n)}
		ns.have[r.Object] = n
		refs = append(refs, r)
	}
	return refs, nil
}

// model is a ring of three machines, each of which has somebody who changes one space. They are in groups that
// are out of each other's sight, of which one may have a majority.
type model struct {
	t        *testing.T
	rng      *rand.Rand
	nodes    nodes
	contents map[piece.Ref]bool // that were not given back
	put      map[int64]bool     // versions that are to be there, by their times: put, and taken away by nobody who knew of them
	machines []*machine
	weights  []int
	before   map[*roots.Root]map[*roots.Root]bool // which roots a root comes after
	names    []string
	history  bool
	old      int // so many changes are made by a version of the program that wrote no tree.Version.By
	restarts bool
	strict   bool // what was taken away does not come back
	whole    bool // what is there has its content
	made     int
	drawn    uint64 // the last of the numbers that nobody else has
	seed     uint64
}

type machine struct {
	author peer.Key
	names  roots.Names
	roots  []*roots.Root // the current one, and its rivals
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, seed: seed, drawn: 1 << 20, strict: true, whole: true, rng: rand.New(rand.NewPCG(seed, 5)), nodes: nodes{have: make(map[id.Hash]*tree.Node)},
		contents: make(map[piece.Ref]bool), put: make(map[int64]bool), before: make(map[*roots.Root]map[*roots.Root]bool), names: []string{"a", "b", "c", "d"}}
	for i := range uint64(3) {
		m.machines = append(m.machines, &machine{author: standin.NewSigner(2, i%2).Public()})
	}
	first := &roots.Root{Sure: true}
	for i := range uint64(roots.MaxMade) {
		if seed%3 == 0 { // so many runs of nodes have changed the space before that the list of them is full
			first.Made = append(first.Made, tree.Made{Who: i + 1, Attempt: 1})
		}
	}
	for _, x := range m.machines {
		x.roots = []*roots.Root{first}
	}
	m.weights = [][]int{{1, 1, 1}, {3, 1, 1}, {1, 1, 3}, {2, 2, 3}}[m.rng.IntN(4)]
	return m
}

// majority reports whether machines are one.
func (m *model) majority(group []int) bool {
	some, all := 0, 0
	for i, w := range m.weights {
		if all += w; slices.Contains(group, i) {
			some += w
		}
	}
	return 2*some > all
}

// view begins a change of a machine, of some roots.
func (m *model) view(x *machine, list []*roots.Root, apart bool) (v *roots.Merged, by tree.Made) {
	if m.restarts && m.rng.IntN(2) == 0 {
		x.names.Who = 0
	}
	m.made++
	by = x.names.Attempt(list[0], uint64(m.made), func() uint64 { m.drawn++; return m.drawn })
	now := int64(1000*(1000+10*m.made+m.rng.IntN(40)) + m.made) // their clocks differ
	from := roots.View{Store: &m.nodes, Now: now, Author: x.author, By: by, Keep: 1000, Apart: apart}
	if m.made <= m.old {
		from.By = tree.Made{}
	}
	v, err := from.Together(list)
	if errors.Is(err, roots.ErrGone) && apart {
		return nil, by // until the majority is back
	}
	if err != nil {
		m.t.Fatalf("seed %d: %v", m.seed, err)
	}
	return v, by
}

// commit makes a root of a view, for a group. What it does not need is given back if that has a majority.
func (m *model) commit(x *machine, v *roots.Merged, by tree.Made, group []int) {
	changed, gone, err := v.Tree.Apply(&m.nodes, v.Edits)
	if err != nil {
		m.t.Fatal(err)
	}
	version := uint64(0)
	after := make(map[*roots.Root]bool)
	for _, o := range v.Roots {
		version = max(version, o.Version)
		after[o] = true
		maps.Copy(after, m.before[o])
	}
	r := &roots.Root{Number: v.Number, Tree: changed, Made: v.After(by), History: v.History, Bytes: v.Bytes, Met: v.Met, Version: version + 1}
	r.Agreed, r.By = v.Base.LastAgreed()
	r.Sure = m.majority(group)
	x.names.Last = by
	m.before[r] = after
	left := slices.DeleteFunc(slices.Clone(x.roots), func(o *roots.Root) bool { return after[o] })
	for _, i := range group {
		m.machines[i].roots = append([]*roots.Root{r}, left...)
	}
	if r.Sure {
		for _, o := range gone {
			delete(m.nodes.have, o.Object)
		}
		used := make(map[piece.Ref]bool)
		for _, e := range m.entries(r) {
			for _, y := range e.Versions {
				used[y.Content.Ref] = true
			}
		}
		for _, y := range v.Dropped {
			if !y.Shared || !used[y.Content.Ref] {
				delete(m.contents, y.Content.Ref)
			}
		}
		m.check(r)
	}
}

func (m *model) entries(r *roots.Root) (es []*tree.Entry) {
	if err := r.Tree.Scan(&m.nodes, "", func(e *tree.Entry) (string, bool) { es = append(es, e); return "", true }); err != nil {
		m.t.Fatal(err)
	}
	return es
}

// check holds a root of a majority to what each has to be.
func (m *model) check(r *roots.Root) {
	bytes, numbers, times := int64(0), make(map[uint64]bool), make(map[piece.Ref]int)
	es := m.entries(r)
	for _, e := range es {
		last := r.Number + 1
		for _, y := range e.Versions {
			if y.Number >= last || numbers[y.Number] {
				m.t.Fatalf("seed %d: version %d of %s is out of order, or there twice", m.seed, y.Number, e.Name)
			}
			last, numbers[y.Number] = y.Number, true
			if bytes += y.Size(); y.Removed || y.Content.Ref.IsZero() {
				continue
			}
			times[y.Content.Ref]++
			if m.whole && !m.contents[y.Content.Ref] {
				m.t.Fatalf("seed %d: version %d of %s has lost its content", m.seed, y.Number, e.Name)
			}
		}
	}
	if bytes != r.Bytes {
		m.t.Fatalf("seed %d: %d bytes, the root says %d", m.seed, bytes, r.Bytes)
	}
	for _, e := range es {
		for _, y := range e.Versions {
			if times[y.Content.Ref] > 1 && !y.Shared {
				m.t.Fatalf("seed %d: version %d of %s shares its content, and is not marked", m.seed, y.Number, e.Name)
			}
		}
	}
}

// content is a new one.
func (m *model) content() piece.Content {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(m.made))
	r := piece.Ref{Object: id.HashOf("content", b[:], m.rng.Uint64()), Key: peer.Secret{1}, Size: int64(1 + m.rng.IntN(50))}
	m.contents[r] = true
	return piece.Content{Ref: r}
}

// change makes something in a group: a machine in it puts, removes, moves or copies a file.
func (m *model) change(group []int) {
	x := m.machines[group[m.rng.IntN(len(group))]]
	v, by := m.view(x, x.roots, !m.majority(group))
	if v == nil {
		return
	}
	v.History = v.History || m.history
	from := m.names[m.rng.IntN(len(m.names))]
	e, err := v.Get(from)
	if err != nil {
		return // a node was given back by a majority
	}
	there := e != nil && e.Current().Alive(v.Now)
	var own tree.Version
	switch kind := m.rng.IntN(8); {
	case kind < 4 || !there:
		if v.Free(from) != nil {
			return
		}
		seen := v.Number
		if m.rng.IntN(4) == 0 {
			seen = seen / 2
		}
		_, err = v.Put(from, tree.Version{Content: m.content()}, seen)
	case kind == 4:
		v.Erase(e)
	case kind == 5:
		v.Remove(e, e.Versions[m.rng.IntN(len(e.Versions))])
	default:
		to := m.names[m.rng.IntN(len(m.names))]
		if v.Free(to) != nil || to == from {
			return
		}
		if own = *e.Current(); v.Apart {
			own.Content, own.Shared = m.content(), false
		} else {
			v.Share(e, e.Current())
			own.Shared = true
		}
		own.Clash = false
		if _, err = v.Put(to, own, v.Number); err == nil && kind == 7 {
			if e, err = v.Get(from); err == nil {
				v.Erase(e)
			}
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, edit := range v.Edits {
		if edit.Entry == nil {
			continue
		}
		for _, y := range edit.Entry.Versions {
			if y.Time == v.Now && !y.Removed {
				m.put[y.Time] = true
			}
		}
	}
	for _, y := range v.Dropped { // somebody who knew of it did that
		if !y.Removed {
			delete(m.put, y.Time)
		}
	}
	m.commit(x, v, by, group)
}

// meet brings a group together.
func (m *model) meet(group []int) {
	var all, list []*roots.Root
	for _, i := range group {
		all = append(all, m.machines[i].roots...)
	}
	for _, r := range all {
		if !slices.Contains(list, r) && !slices.ContainsFunc(all, func(o *roots.Root) bool { return m.before[o][r] }) {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(x, y *roots.Root) int { return int(y.Version) - int(x.Version) })
	for _, i := range group {
		m.machines[i].roots = list
	}
	if len(list) == 1 {
		list[0].Sure = list[0].Sure || m.majority(group)
		return
	}
	x := m.machines[group[m.rng.IntN(len(group))]]
	if v, by := m.view(x, list, !m.majority(group)); v != nil && len(v.Roots) > 1 {
		m.commit(x, v, by, group)
	}
}

// groups are the ways in which three machines can be out of each other's sight.
var groups = [][][]int{{{0, 1, 2}}, {{0}, {1, 2}}, {{1}, {0, 2}}, {{2}, {0, 1}}, {{0}, {1}, {2}}}

// run lets the machines change the space in such groups for a while.
func (m *model) run() {
	for range 3 + m.rng.IntN(4) {
		of := groups[m.rng.IntN(len(groups))]
		for _, group := range of {
			m.meet(group)
		}
		for range m.rng.IntN(8) {
			m.change(of[m.rng.IntN(len(of))])
		}
	}
}

// end is what is there when all have met in an order: the versions, by their times. The model stays as it is.
func (m *model) end(order []int) map[int64]bool {
	c := *m
	c.contents, c.nodes.have, c.before, c.machines = maps.Clone(m.contents), maps.Clone(m.nodes.have), maps.Clone(m.before), nil
	for _, x := range m.machines {
		again := *x
		c.machines = append(c.machines, &again)
	}
	c.meet(order[:2])
	c.meet(order)
	all := make(map[int64]bool)
	for _, e := range c.entries(c.machines[0].roots[0]) {
		for _, y := range e.Versions {
			if !y.Removed {
				all[y.Time] = true
			}
		}
	}
	return all
}

// TestPartsInAnyOrder: three machines change a space in groups that are out of each other's sight, and these meet in
// all ways. In the end all versions are there but those that somebody who knew of them has taken away, whoever met whom first,
// and what a majority has is whole at any time. Of versions that do not tell which change made them some
// may come back; so may some, with their contents, where a file and a folder have one name. None is lost, either.
func TestPartsInAnyOrder(t *testing.T) {
	all := uint64(simtest.Size(1000, 200))
	for seed := range all + 1 {
		if seed == all {
			seed = 7881 // a majority moves what does not tell which change made it, and a minority has it alone
		}
		m := newModel(t, seed)
		m.history = seed%2 == 0
		switch seed % 5 {
		case 1:
			m.old, m.strict, m.whole = 10, false, false
		case 2:
			m.names, m.strict = []string{"a", "a/b", "a/c", "b"}, false
		case 3:
			m.restarts = true
		}
		m.run()
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 2, 0}} {
			there := m.end(order)
			for x := range m.put {
				if !there[x] {
					t.Errorf("seed %d, order %v: version %d is lost", seed, order, x)
				}
			}
			for x := range there {
				if m.strict && !m.put[x] {
					t.Errorf("seed %d, order %v: version %d has come back", seed, order, x)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestManyRivals: ten rivals of a large space, each with one file, are brought together with it, and of nodes that
// all have none is loaded.
func TestManyRivals(t *testing.T) {
	m := newModel(t, 1)
	var edits []tree.Edit
	for i := range 5000 {
		name := fmt.Sprintf("%05d", i)
		edits = append(edits, tree.Edit{Name: name, Entry: &tree.Entry{Name: name, Versions: []*tree.Version{{Number: uint64(i + 1), Content: m.content()}}}})
	}
	all, _, err := tree.Tree{}.Apply(&m.nodes, edits)
	if err != nil {
		t.Fatal(err)
	}
	directory := len(m.nodes.have)
	m.machines[0].roots[0].Tree, m.machines[0].roots[0].Number = all, 5000
	list := make([]*roots.Root, 11)
	for i := range list {
		x := m.machines[0]
		v, by := m.view(x, x.roots, true)
		if _, err := v.Put(fmt.Sprintf("%05d of %d", 450*i, i), tree.Version{Content: m.content()}, 5000); err != nil {
			t.Fatal(err)
		}
		list[i] = &roots.Root{Number: v.Number, Made: v.After(by), Agreed: 5000, Version: 2}
		if list[i].Tree, _, err = v.Tree.Apply(&m.nodes, v.Edits); err != nil {
			t.Fatal(err)
		}
		x.names.Who = 0 // another machine's
	}
	m.nodes.asked = make(map[id.Hash]bool)
	v, _ := m.view(m.machines[0], list, true)
	if len(v.Roots) != 11 || len(v.Edits) != 10 {
		t.Errorf("%d roots are in the view, with %d changes", len(v.Roots), len(v.Edits))
	}
	if most := 3 * 11 * int(all.Levels); len(m.nodes.asked) > most {
		t.Errorf("%d nodes were loaded, at most %d, of eleven directories of %d", len(m.nodes.asked), most, directory)
	}
}
