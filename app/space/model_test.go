package space

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
)

// This file tests what becomes of a space whose parts meet without storage, ring and time: it is inside the package for
// the sake of its roots and views, of which it makes some ten thousand.

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
			return nil, past.ErrNotFound
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
	before   map[*root]map[*root]bool // which roots a root comes after
	names    []string
	history  bool
	old      int // so many changes are made by a version of the program that wrote no tree.Version.By
	restarts bool
	strict   bool // what was taken away does not come back
	whole    bool // what is there has its content
	made     int
	seed     uint64
}

type machine struct {
	sp    *Space
	roots []*root // the current one, and its rivals
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, seed: seed, strict: true, whole: true, rng: rand.New(rand.NewPCG(seed, 5)), nodes: nodes{have: make(map[id.Hash]*tree.Node)},
		contents: make(map[piece.Ref]bool), put: make(map[int64]bool), before: make(map[*root]map[*root]bool), names: []string{"a", "b", "c", "d"}}
	for i := range uint64(3) {
		p := Person{Signer: standin.NewSigner(2, i%2)}
		s := &Spaces{cfg: Config{Locker: standin.NewLocker(10*seed + i)}}
		m.machines = append(m.machines, &machine{sp: &Space{s: s, person: p}})
	}
	first := &root{sure: true}
	for i := range uint64(maxMade) {
		if seed%3 == 0 { // so many runs of nodes have changed the space before that the list of them is full
			first.Made = append(first.Made, made{Who: i + 1, Attempt: 1})
		}
	}
	for _, x := range m.machines {
		x.roots = []*root{first}
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
func (m *model) view(x *machine, roots []*root, apart bool) (v *merged, by made) {
	if m.restarts && m.rng.IntN(2) == 0 {
		x.sp.who = 0
	}
	by = x.sp.attempt(roots[0])
	m.made++
	now := int64(1000*(1000+10*m.made+m.rng.IntN(40)) + m.made) // their clocks differ
	from := view{s: &m.nodes, now: now, author: x.sp.person.Signer.Public(), by: by, keep: 1000, apart: apart}
	if m.made <= m.old {
		from.by = made{}
	}
	v, err := from.together(roots)
	if errors.Is(err, past.ErrApart) && apart {
		return nil, by // until the majority is back
	}
	if err != nil {
		m.t.Fatalf("seed %d: %v", m.seed, err)
	}
	return v, by
}

// commit makes a root of a view, for a group. What it does not need is given back if that has a majority.
func (m *model) commit(x *machine, v *merged, by made, group []int) {
	changed, gone, err := v.tree.Apply(&m.nodes, v.edits)
	if err != nil {
		m.t.Fatal(err)
	}
	version := uint64(0)
	after := make(map[*root]bool)
	for _, o := range v.roots {
		version = max(version, o.version)
		after[o] = true
		maps.Copy(after, m.before[o])
	}
	r := &root{Number: v.number, Tree: changed, Made: v.made(by), History: v.history, Bytes: v.bytes, Met: v.met, version: version + 1}
	r.Agreed, r.By = v.base.agreed()
	r.sure = m.majority(group)
	x.sp.last = by
	m.before[r] = after
	left := slices.DeleteFunc(slices.Clone(x.roots), func(o *root) bool { return after[o] })
	for _, i := range group {
		m.machines[i].roots = append([]*root{r}, left...)
	}
	if r.sure {
		for _, o := range gone {
			delete(m.nodes.have, o.Object)
		}
		used := make(map[piece.Ref]bool)
		for _, e := range m.entries(r) {
			for _, y := range e.Versions {
				used[y.Content.Ref] = true
			}
		}
		for _, y := range v.dropped {
			if !y.Shared || !used[y.Content.Ref] {
				delete(m.contents, y.Content.Ref)
			}
		}
		m.check(r)
	}
}

func (m *model) entries(r *root) (es []*tree.Entry) {
	if err := r.Tree.Scan(&m.nodes, "", func(e *tree.Entry) (string, bool) { es = append(es, e); return "", true }); err != nil {
		m.t.Fatal(err)
	}
	return es
}

// check holds a root of a majority to what each has to be.
func (m *model) check(r *root) {
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
	v.history = v.history || m.history
	from := m.names[m.rng.IntN(len(m.names))]
	e, err := v.get(from)
	if err != nil {
		return // a node was given back by a majority
	}
	there := e != nil && alive(e.Current(), v.now)
	var own tree.Version
	switch kind := m.rng.IntN(8); {
	case kind < 4 || !there:
		if v.free(from) != nil {
			return
		}
		seen := v.number
		if m.rng.IntN(4) == 0 {
			seen = seen / 2
		}
		_, err = v.put(from, tree.Version{Content: m.content()}, seen)
	case kind == 4:
		v.erase(e)
	case kind == 5:
		v.remove(e, e.Versions[m.rng.IntN(len(e.Versions))])
	default:
		to := m.names[m.rng.IntN(len(m.names))]
		if v.free(to) != nil || to == from {
			return
		}
		if own = *e.Current(); v.apart {
			own.Content, own.Shared = m.content(), false
		} else {
			v.share(e, e.Current())
			own.Shared = true
		}
		own.Clash = false
		if _, err = v.put(to, own, v.number); err == nil && kind == 7 {
			if e, err = v.get(from); err == nil {
				v.erase(e)
			}
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, edit := range v.edits {
		for _, y := range versions(edit.Entry) {
			if y.Time == v.now && !y.Removed {
				m.put[y.Time] = true
			}
		}
	}
	for _, y := range v.dropped { // somebody who knew of it did that
		if !y.Removed {
			delete(m.put, y.Time)
		}
	}
	m.commit(x, v, by, group)
}

// meet brings a group together.
func (m *model) meet(group []int) {
	var all, roots []*root
	for _, i := range group {
		all = append(all, m.machines[i].roots...)
	}
	for _, r := range all {
		if !slices.Contains(roots, r) && !slices.ContainsFunc(all, func(o *root) bool { return m.before[o][r] }) {
			roots = append(roots, r)
		}
	}
	slices.SortStableFunc(roots, func(x, y *root) int { return int(y.version) - int(x.version) })
	for _, i := range group {
		m.machines[i].roots = roots
	}
	if len(roots) == 1 {
		roots[0].sure = roots[0].sure || m.majority(group)
		return
	}
	x := m.machines[group[m.rng.IntN(len(group))]]
	if v, by := m.view(x, roots, !m.majority(group)); v != nil && len(v.roots) > 1 {
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
		sp := *x.sp
		c.machines = append(c.machines, &machine{&sp, x.roots})
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

// TestLeftForLater: a rival that cannot be brought in while a majority is away, as nodes of its directory are gone, is not
// read again with every look at the space, but after a minute, or when the majority is back.
func TestLeftForLater(t *testing.T) {
	m := newModel(t, 1)
	x := m.machines[0]
	x.sp.signer = x.sp.person.Signer
	lost := func(name string) *root {
		return &root{certificate: id.HashOf(name), Tree: tree.Tree{Root: piece.Ref{Object: id.HashOf("gone", name)}, Levels: 1, Count: 1}}
	}
	const begun = task.Instant(time.Hour)
	for _, whole := range []bool{true, false} {
		now, rival := lost("current"), lost("rival")
		now.apart, now.rivals = 3, []id.Hash{rival.certificate}
		if whole {
			now.Tree = tree.Tree{}
		} else {
			rival.Tree = tree.Tree{}
		}
		v, _ := m.view(x, []*root{now, rival}, true)
		if (v != nil) != whole || whole && len(v.roots) != 1 {
			t.Fatalf("the current root is whole: %t; the view is %+v", whole, v)
		}
		x.sp.leaveLater(now, []*root{rival}, v, begun)
		merges := func(what string, r root, after time.Duration, want bool) {
			if got := x.sp.merges(&r, begun.Add(after)); got != want {
				t.Errorf("the current root is whole: %t; %s: it is brought together: %t", whole, what, got)
			}
		}
		merges("at once", *now, 0, false)
		merges("soon", *now, laterAgain-1, false)
		merges("later", *now, laterAgain, true)
		another := *now
		another.rivals = append([]id.Hash{id.HashOf("another")}, now.rivals...)
		merges("another one", another, 0, true)
		back := *now
		back.apart = 0
		merges("the majority is back", back, 0, true)
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
	roots := make([]*root, 11)
	for i := range roots {
		x := m.machines[0]
		v, by := m.view(x, x.roots, true)
		if _, err := v.put(fmt.Sprintf("%05d of %d", 450*i, i), tree.Version{Content: m.content()}, 5000); err != nil {
			t.Fatal(err)
		}
		roots[i] = &root{Number: v.number, Made: v.made(by), Agreed: 5000, version: 2}
		if roots[i].Tree, _, err = v.tree.Apply(&m.nodes, v.edits); err != nil {
			t.Fatal(err)
		}
		x.sp.who = 0 // another machine's
	}
	m.nodes.asked = make(map[id.Hash]bool)
	v, _ := m.view(m.machines[0], roots, true)
	if len(v.roots) != 11 || len(v.edits) != 10 {
		t.Errorf("%d roots are in the view, with %d changes", len(v.roots), len(v.edits))
	}
	if most := 3 * 11 * int(all.Levels); len(m.nodes.asked) > most {
		t.Errorf("%d nodes were loaded, at most %d, of eleven directories of %d", len(m.nodes.asked), most, directory)
	}
}
