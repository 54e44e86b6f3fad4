package space

import (
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// counted is how many objects of a content Copies asks for at most.
const counted = 64

// Copies counts how many nodes keep a content now, of which so many copies are wanted, or
// fragments: as many as of that of its pieces which has fewest. Of a long content some pieces are asked for, evenly
// spread. An empty one has all its copies.
//
// Errors: those of Spaces.ReadAt.
func (s *Spaces) Copies(t *task.T, c piece.Content, wanted int) (int, error) {
	least, err := s.CopiesOf(t, []*tree.Version{{Content: c, Copies: uint8(wanted)}})
	if err != nil {
		return 0, err
	}
	return least[0], nil
}

// CopiesOf is Copies of many versions at once, each with the copies that were wanted of it.
func (s *Spaces) CopiesOf(t *task.T, vs []*tree.Version) ([]int, error) {
	var refs []piece.Ref
	var of []int // of which version each is
	least := make([]int, len(vs))
	for i, v := range vs {
		pieces, lists, err := s.leaves(t, v.Content)
		if err != nil {
			return nil, err
		}
		least[i] = int(v.Copies)
		all := append(lists, pieces...)
		step := max(1, (len(all)+counted-1)/counted)
		for at := 0; at < len(all); at += step {
			refs, of = append(refs, all[at]), append(of, i)
		}
	}
	cs, err := s.count(t, refs, func(at int) int { return int(vs[of[at]].Copies) })
	for j, c := range cs {
		least[of[j]] = min(least[of[j]], c.Copies)
	}
	return least, err
}

// count counts the copies of some objects, of which wanted(i) are wanted, or the fragments of
// archived ones.
func (s *Spaces) count(t *task.T, refs []piece.Ref, wanted func(int) int) ([]past.Counted, error) {
	cs := make([]past.Counted, len(refs))
	var ws []past.Wanted
	var of []int // of which object each is
	for i, r := range refs {
		if r.Code.IsZero() {
			ws, of = append(ws, past.Wanted{Object: r.Object, Copies: wanted(i)}), append(of, i)
			continue
		}
		ids, err := s.archives.IDs(t, r)
		if err != nil {
			return nil, err
		}
		for _, o := range ids {
			ws, of = append(ws, past.Wanted{Object: o, Copies: 1}), append(of, i)
		}
	}
	got, err := s.cfg.Past.Count(t, ws...)
	if err != nil {
		return nil, err
	}
	for j, c := range got {
		cs[of[j]].Copies += c.Copies
		cs[of[j]].Elsewhere += c.Elsewhere
	}
	return cs, nil
}

// Objects calls visit for each object of storage that the space consists of: its charter, its
// root, the nodes of its directory, and what the contents of all versions are made of, with
// the number of copies that are wanted, or of fragments of what is archived. One that several
// names share comes several times. Of charter and root the reference has the id alone.
//
// Errors: those of visit, and of storage.
func (sn Snapshot) Objects(visit func(r piece.Ref, wanted int) error) error {
	sp := sn.s.sp
	root := past.Name{Owner: sp.charter.Writer, Part: sp.part("root"), Copies: sp.handle.Copies}
	own := int(sp.handle.Copies)
	if err := visit(piece.Ref{Object: sp.handle.ID()}, own); err != nil {
		return err
	}
	if sn.root.Version > 0 { // something was stored
		if err := visit(piece.Ref{Object: root.ID()}, own); err != nil {
			return err
		}
	}
	return sn.root.Tree.Walk(sn.s, func(r piece.Ref, n *tree.Node) error {
		if err := visit(r, own); err != nil {
			return err
		}
		for _, e := range n.Entries {
			for _, v := range e.Versions {
				if err := sn.objectsOf(v, visit); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// objectsOf is Objects for one version.
func (sn Snapshot) objectsOf(v *tree.Version, visit func(piece.Ref, int) error) error {
	for i, c := range v.Contents() {
		copies := int(v.Copies)
		if i > 0 || copies == 0 {
			copies = Copies
		}
		pieces, lists, err := sn.s.sp.s.leaves(sn.s.t, c)
		if err != nil {
			return err
		}
		for _, r := range append(lists, pieces...) {
			wanted := min(copies, certificate.MaxCopies)
			if !r.Code.IsZero() {
				wanted = int(r.Code.Total)
			}
			if err := visit(r, wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

// Census is how the objects stand that a space consists of.
type Census struct {
	Objects  int // there are
	Whole    int // of these: as many copies as are wanted
	OnlyHere int // of these: none on another node than this one
	Missing  int // of these: nobody who was asked has one, or there are too few fragments
}

// Add adds up two of them.
func (c Census) Add(d Census) Census {
	return Census{c.Objects + d.Objects, c.Whole + d.Whole, c.OnlyHere + d.OnlyHere, c.Missing + d.Missing}
}

// censusSize is how many objects are counted in one go.
const censusSize = 1024

// Census counts the copies of all objects that the space consists of, now.
//
// Errors: those of Look.
func (sp *Space) Census(t *task.T) (c Census, err error) {
	err = sp.Look(t, func(sn Snapshot) error {
		c = Census{}
		var refs []piece.Ref
		var wanted []int
		count := func() error {
			cs, err := sp.s.count(t, refs, func(i int) int { return wanted[i] })
			for i, x := range cs {
				c.add(x, wanted[i], refs[i].Code)
			}
			refs, wanted = refs[:0], wanted[:0]
			return err
		}
		if err := sn.Objects(func(r piece.Ref, n int) error {
			if refs, wanted = append(refs, r), append(wanted, n); len(refs) < censusSize {
				return nil
			}
			return count()
		}); err != nil {
			return err
		}
		return count()
	})
	return c, err
}

func (c *Census) add(x past.Counted, wanted int, code piece.Code) {
	c.Objects++
	switch {
	case x.Copies < max(1, int(code.Need)):
		c.Missing++
	case x.Elsewhere == 0:
		c.OnlyHere++
	}
	if x.Copies >= wanted {
		c.Whole++
	}
}
