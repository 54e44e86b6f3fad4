package tree_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
)

// shelf is a Store in memory that keeps encodings.
type shelf struct {
	t     testing.TB
	nodes map[id.Hash][]byte
	loads int
	saves int
	fail  error
}

func newShelf(t testing.TB) *shelf { return &shelf{t: t, nodes: make(map[id.Hash][]byte)} }

func (s *shelf) Load(refs []piece.Ref) (out []*tree.Node, err error) {
	s.loads += len(refs)
	for _, r := range refs {
		b, ok := s.nodes[r.Object]
		if !ok {
			return nil, fmt.Errorf("node %s is not there", r.Object)
		}
		n, err := tree.Decode(b)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, s.fail
}

func (s *shelf) Save(nodes []*tree.Node) (refs []piece.Ref, err error) {
	for _, n := range nodes {
		b := n.Encode()
		if len(b) > tree.MaxNode {
			s.t.Errorf("a node of %d bytes", len(b))
		}
		s.saves++
		o := id.HashOf("node", s.saves)
		s.nodes[o] = b
		refs = append(refs, piece.Ref{Object: o, Key: peer.Secret{1}})
	}
	return refs, s.fail
}

func entry(name string, number uint64, versions int) *tree.Entry {
	e := &tree.Entry{Name: name}
	for i := range versions {
		e.Versions = append(e.Versions, &tree.Version{Number: number - uint64(i), Author: peer.Key{7}})
	}
	return e
}

func list(t testing.TB, tr tree.Tree, s tree.Store, from string) (names []string) {
	t.Helper()
	if err := tr.Scan(s, from, func(e *tree.Entry) (string, bool) {
		names = append(names, e.Name)
		return "", true
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestLikeAMap: after any edits the tree has what a map has, its nodes are no larger than they
// may be, and each node that it dropped is not needed any more: those kept are exactly those of
// the tree.
func TestLikeAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newShelf(t)
		want := make(map[string]uint64)
		var tr tree.Tree
		long := strings.Repeat("x", rapid.SampledFrom([]int{1, 20, 900}).Draw(rt, "length"))
		space := rapid.SampledFrom([]int{30, 200, 800}).Draw(rt, "space")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for round := range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			edits := make(map[string]*tree.Entry)
			removing := rapid.Bool().Draw(rt, "removing")
			for range rapid.IntRange(1, space).Draw(rt, "edits") {
				name := fmt.Sprintf("%05d%s", rng.IntN(space), long)
				if removing == (rng.IntN(5) > 0) {
					edits[name] = nil
					delete(want, name)
				} else {
					number := uint64(100*round + 50)
					edits[name] = entry(name, number, 1+rng.IntN(8))
					want[name] = number
				}
			}
			var sorted []tree.Edit
			for _, name := range slices.Sorted(maps.Keys(edits)) {
				sorted = append(sorted, tree.Edit{Name: name, Entry: edits[name]})
			}
			changed, dropped, err := tr.Apply(s, sorted)
			if err != nil {
				rt.Fatal(err)
			}
			for _, r := range dropped {
				if _, ok := s.nodes[r.Object]; !ok {
					rt.Fatal("a node was dropped twice, or was none")
				}
				delete(s.nodes, r.Object)
			}
			tr = changed
			s.compare(rt, tr, want)
		}
	})
}

// compare fails unless the tree has what a map has, in nodes that are all there are.
func (s *shelf) compare(rt *rapid.T, tr tree.Tree, want map[string]uint64) {
	names := slices.Sorted(maps.Keys(want))
	if got := list(s.t, tr, s, ""); !slices.Equal(got, names) || tr.Count != uint64(len(names)) || tr.Check() != nil {
		rt.Fatalf("%d names, count %d, %v; want %d", len(got), tr.Count, tr.Check(), len(names))
	}
	asked := append(slices.Clone(names), "zzz")
	got, err := tr.Get(s, asked...)
	if err != nil || got[len(names)] != nil {
		rt.Fatal(got[len(names)], err)
	}
	for i, name := range names {
		if got[i] == nil || got[i].Current().Number != want[name] {
			rt.Fatalf("%s: got %+v, want %d", name, got[i], want[name])
		}
	}
	seen := 0
	if tr.Levels > 0 {
		seen = s.reachable(tr.Root)
	}
	if seen != len(s.nodes) {
		rt.Fatalf("%d nodes are kept, and %d are in the tree", len(s.nodes), seen)
	}
}

func (s *shelf) reachable(r piece.Ref) int {
	nodes, err := s.Load([]piece.Ref{r})
	if err != nil {
		s.t.Fatal(err)
	}
	n := 1
	for _, c := range nodes[0].Children {
		n += s.reachable(c.Ref)
	}
	return n
}

// big is a tree of n names in folders of ten.
func big(t testing.TB, s *shelf, n int) tree.Tree {
	t.Helper()
	var edits []tree.Edit
	for i := range n {
		name := fmt.Sprintf("d%05d/%d", i/10, i%10)
		edits = append(edits, tree.Edit{Name: name, Entry: entry(name, 1, 1)})
	}
	tr, _, err := tree.Tree{}.Apply(s, edits)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestScan: a scan begins anywhere, skips and ends as it is told, and loads little more than it
// visits.
func TestScan(t *testing.T) {
	s := newShelf(t)
	tr := big(t, s, 5000)
	all := list(t, tr, s, "")
	if got := list(t, tr, s, "d00250"); len(all) != 5000 || !slices.Equal(got, all[2500:]) {
		t.Errorf("%d names, %d from the middle", len(all), len(got))
	}
	var folders []string
	if err := tr.Scan(s, "", func(e *tree.Entry) (string, bool) {
		dir := e.Name[:strings.Index(e.Name, "/")+1]
		folders = append(folders, dir)
		return tree.After(dir), len(folders) < 400
	}); err != nil {
		t.Fatal(err)
	}
	if len(folders) != 400 || folders[0] != "d00000/" || folders[399] != "d00399/" {
		t.Errorf("%d folders, %s to %s", len(folders), folders[0], folders[len(folders)-1])
	}
	var in []string
	s.loads = 0
	if err := tr.Prefix(s, "d00042/", func(e *tree.Entry) bool { in = append(in, e.Name); return true }); err != nil {
		t.Fatal(err)
	}
	if len(in) != 10 || in[0] != "d00042/0" || s.loads > int(tr.Levels)+2 {
		t.Errorf("%q with %d nodes loaded of a tree of %d levels", in, s.loads, tr.Levels)
	}
}

// TestUnshared: of two trees of one origin, and of others, those entries come in which they differ, and few besides; nodes that
// both have are not loaded.
func TestUnshared(t *testing.T) {
	s := newShelf(t)
	a := big(t, s, 5000)
	rng := rand.New(rand.NewPCG(5, 1))
	for _, n := range []int{0, 1, 40, 5000} {
		b, want := a, make(map[string]bool)
		var edits []tree.Edit
		for _, i := range rng.Perm(5000)[:n] {
			name := fmt.Sprintf("d%05d/%d", i/10, i%10)
			edits = append(edits, tree.Edit{Name: name})
			if want[name] = true; i%2 == 0 {
				edits[len(edits)-1].Entry = entry(name, 2, 2)
			}
		}
		slices.SortFunc(edits, func(x, y tree.Edit) int { return strings.Compare(x.Name, y.Name) })
		b, _, err := b.Apply(s, edits)
		if err != nil {
			t.Fatal(err)
		}
		s.loads = 0
		as, bs, err := tree.Unshared(a, s, b, s)
		if most := 5 * int(a.Levels) * n; err != nil || s.loads > most {
			t.Errorf("%d changes: %d nodes loaded, at most %d: %v", n, s.loads, most, err)
		}
		differ := make(map[string]bool)
		all := make(map[string]*tree.Entry)
		for i, e := range as {
			if all[e.Name] = e; i > 0 && e.Name <= as[i-1].Name {
				t.Errorf("%s out of order", e.Name)
			}
		}
		for _, e := range bs {
			if all[e.Name] == nil || len(all[e.Name].Versions) != len(e.Versions) {
				differ[e.Name] = true
			}
			delete(all, e.Name)
		}
		for name := range all {
			differ[name] = true
		}
		if !maps.Equal(differ, want) {
			t.Errorf("%d changes: they differ in %d names", n, len(differ))
		}
		as, bs, err = tree.Unshared(tree.Tree{}, s, b, s)
		if err != nil || len(as) > 0 || len(bs) != int(b.Count) {
			t.Errorf("of nothing and %d: %d and %d, %v", b.Count, len(as), len(bs), err)
		}
	}
	s.fail = errors.New("no disk")
	if _, _, err := tree.Unshared(a, s, tree.Tree{}, s); !errors.Is(err, s.fail) {
		t.Error(err)
	}
}

// TestOneChange: to change one name writes one node of each level.
func TestOneChange(t *testing.T) {
	s := newShelf(t)
	tr := big(t, s, 5000)
	before := len(s.nodes)
	_, dropped, err := tr.Apply(s, []tree.Edit{{Name: "d00250/5", Entry: entry("d00250/5", 2, 2)}})
	if err != nil || len(s.nodes)-before != int(tr.Levels) || len(dropped) != int(tr.Levels) {
		t.Errorf("%d nodes written, %d dropped, of %d levels: %v", len(s.nodes)-before, len(dropped), tr.Levels, err)
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	s := newShelf(t)
	tr := big(t, s, 2000)
	s.fail = errors.New("no disk")
	if _, _, err := tr.Apply(s, []tree.Edit{{Name: "a", Entry: entry("a", 1, 1)}}); !errors.Is(err, s.fail) {
		t.Error(err)
	}
	if _, err := tr.Get(s, "a"); !errors.Is(err, s.fail) {
		t.Error(err)
	}
	if err := tr.Scan(s, "", nil); !errors.Is(err, s.fail) {
		t.Error(err)
	}
}

// TestKeep: an entry keeps its newest versions, as many as are wanted and fit.
func TestKeep(t *testing.T) {
	e := entry("name", 100, 20)
	if kept, dropped := e.Keep(30); len(kept.Versions) != 20 || dropped != nil {
		t.Errorf("kept %d of 20", len(kept.Versions))
	}
	if kept, dropped := e.Keep(3); len(kept.Versions) != 3 || len(dropped) != 17 || kept.Current().Number != 100 || dropped[0].Number != 97 {
		t.Errorf("kept %d, want 3", len(kept.Versions))
	}
	for _, v := range e.Versions {
		v.Meta = []tree.Pair{{Key: "k", Value: strings.Repeat("v", tree.MaxMeta-1)}}
	}
	if kept, dropped := e.Keep(20); len(kept.Versions) != 3 || len(dropped) != 17 {
		t.Errorf("kept %d large ones", len(kept.Versions))
	}
	var owner peer.Key
	copy(owner[:], strings.Repeat("k", len(owner)))
	c := piece.Content{Ref: piece.Ref{Object: id.HashOf("o"), Hash: id.HashOf("h"), Key: peer.Secret(owner), Size: math.MaxInt64,
		Code: piece.Code{Need: 100, Total: 200, Owner: owner}}, Height: 100}
	for _, v := range e.Versions {
		*v = tree.Version{Number: v.Number + math.MaxUint64/2, Time: math.MaxInt64, Author: owner, Content: c, Copies: 100, Expires: math.MaxInt64,
			Removed: true, Shared: true, Clash: true, More: &c, By: tree.Made{Who: math.MaxUint64, Attempt: math.MaxUint64}}
	}
	kept, _ := e.Keep(20)
	if b := (&tree.Node{Entries: []*tree.Entry{kept}}).Encode(); len(b) > tree.MaxEntry || len(kept.Versions) == 20 {
		t.Errorf("%d of the largest versions take %d bytes", len(kept.Versions), len(b))
	}
}

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a/": "a0", "a\xff": "b", "\xff": "", "": ""} {
		if got := tree.After(prefix); got != want {
			t.Errorf("after %q: %q, want %q", prefix, got, want)
		}
	}
}

func FuzzNode(f *testing.F) {
	f.Add((&tree.Node{Entries: []*tree.Entry{entry("a", 9, 3), entry("b", 2, 1)}}).Encode())
	f.Add((&tree.Node{Children: []tree.Child{{First: "a", Ref: piece.Ref{Object: id.HashOf("x")}, Count: 3}}}).Encode())
	f.Add([]byte{0xa1, 1, 0x81, 0xf6})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { tree.Decode(b) })
		if n, err := tree.Decode(b); err == nil && string(n.Encode()) != string(b) {
			t.Error("read, and written otherwise")
		}
	})
}

// TestRefused: nodes that no tree has.
func TestRefused(t *testing.T) {
	for what, n := range map[string]*tree.Node{
		"nothing":             {},
		"both kinds":          {Entries: []*tree.Entry{entry("a", 1, 1)}, Children: []tree.Child{{First: "a", Ref: piece.Ref{Object: id.HashOf("x")}, Count: 1}}},
		"names out of order":  {Entries: []*tree.Entry{entry("b", 1, 1), entry("a", 1, 1)}},
		"a name twice":        {Entries: []*tree.Entry{entry("a", 1, 1), entry("a", 2, 1)}},
		"no versions":         {Entries: []*tree.Entry{{Name: "a"}}},
		"a name with NUL":     {Entries: []*tree.Entry{entry("a\x00b", 1, 1)}},
		"a long name":         {Entries: []*tree.Entry{entry(strings.Repeat("a", tree.MaxName+1), 1, 1)}},
		"versions that rise":  {Entries: []*tree.Entry{{Name: "a", Versions: []*tree.Version{{Number: 1}, {Number: 2}}}}},
		"version 0":           {Entries: []*tree.Entry{entry("a", 0, 1)}},
		"a child of nothing":  {Children: []tree.Child{{First: "a", Count: 1}}},
		"an empty child":      {Children: []tree.Child{{First: "a", Ref: piece.Ref{Object: id.HashOf("x")}}}},
		"meta data twice":     {Entries: []*tree.Entry{{Name: "a", Versions: []*tree.Version{{Number: 1, Meta: []tree.Pair{{Key: "k"}, {Key: "k"}}}}}}},
		"content of no bytes": {Entries: []*tree.Entry{{Name: "a", Versions: []*tree.Version{{Number: 1, Content: piece.Content{Ref: piece.Ref{Size: 5}}}}}}},
	} {
		if _, err := tree.Decode(n.Encode()); !errors.Is(err, piece.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
