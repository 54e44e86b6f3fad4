package space

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/task"
)

// store is a tree.Store for one task. Nodes are stored while the tree is still being made, as
// a node needs no more of those below it than their ids, which their signatures settle. They
// are there when saving returns nil.
type store struct {
	sp *Space
	t  *task.T
	// apart: each node is stored before the next level is made, in another place where there
	// is no room.
	apart  bool
	saved  []piece.Ref // the nodes saved so far
	flying int         // those under way
	failed error
	wake   func()
}

// Load implements tree.Store.
func (s *store) Load(refs []piece.Ref) ([]*tree.Node, error) {
	nodes := make([]*tree.Node, len(refs))
	var missing []int
	for i, r := range refs {
		n, known := s.sp.s.nodes.get(r.Object)
		if nodes[i] = n; !known {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nodes, nil
	}
	err := s.sp.s.each(s.t, len(missing), func(t *task.T, i int) error {
		r := refs[missing[i]]
		b, err := s.sp.s.fetch(t, kindNode, r)
		if errors.Is(err, past.ErrNotFound) {
			return missingError{s.sp.Apart() > 0}
		}
		if err != nil {
			return err
		}
		n, err := tree.Decode(b)
		if err != nil {
			return err
		}
		nodes[missing[i]] = n
		s.sp.s.nodes.put(r.Object, n)
		return nil
	})
	return nodes, err
}

// how is how nodes are stored.
func (s *store) how() Storing { return Storing{Copies: int(s.sp.handle.Copies)} }

// Save implements tree.Store.
func (s *store) Save(nodes []*tree.Node) (refs []piece.Ref, err error) {
	if s.apart {
		refs, err = s.saveApart(nodes)
	} else {
		refs, err = s.saveAhead(nodes)
	}
	for i, r := range refs {
		if !r.IsZero() {
			s.saved = append(s.saved, r)
			s.sp.s.nodes.put(r.Object, nodes[i])
		}
	}
	return refs, err
}

func (s *store) saveApart(nodes []*tree.Node) ([]piece.Ref, error) {
	refs := make([]piece.Ref, len(nodes))
	return refs, s.sp.s.each(s.t, len(nodes), func(t *task.T, i int) (err error) {
		refs[i], _, err = s.sp.store(t, kindNode, nodes[i].Encode(), 0, s.how())
		return err
	})
}

// saveAhead returns when the nodes are signed, and stores them beside the task.
func (s *store) saveAhead(nodes []*tree.Node) ([]piece.Ref, error) {
	refs := make([]piece.Ref, len(nodes))
	for i, n := range nodes {
		signed, err := s.sp.sign(s.t, n, s.how())
		if err != nil {
			return refs, err
		}
		refs[i] = signed.ref
		if err := s.sp.s.stored(s.t, signed.ref); err != nil {
			return refs, err
		}
		s.flying++
		s.sp.s.ep.Go(func(t *task.T) error {
			done, err := s.sp.s.cfg.Past.InsertSigned(t, signed.file)
			return mostly(done, err, s.how())
		}, func(err error) {
			s.flying--
			s.failed = cause.Join(s.failed, err)
			if wake := s.wake; s.flying == 0 && wake != nil {
				s.wake = nil
				wake()
			}
		})
	}
	return refs, nil
}

// saving waits until all nodes are stored, or cannot be.
func (s *store) saving() error {
	if s.flying > 0 {
		if _, err := task.Await(s.t, work, func(resolve func(struct{}, error)) {
			s.wake = func() { resolve(struct{}{}, nil) }
		}); err != nil {
			return err
		}
	}
	return s.failed
}

// signedNode is a node that is sealed and has its id.
type signedNode struct {
	ref  piece.Ref
	file *past.Signed
}

// nodePays is what each node is paid for, so that any of them can have been paid for ahead.
// It has another in its place soon.
const nodePays = tree.MaxNode + tree.MaxNode/8

// sign seals and signs a node, which is no longer than a message takes.
func (sp *Space) sign(t *task.T, n *tree.Node, o Storing) (signedNode, error) {
	l := sp.s.cfg.Locker
	key := l.NewSecret()
	sealed, err := task.Work(t, work, func() ([]byte, error) { return l.Lock(key, []byte(kindNode), n.Encode()), nil })
	if err != nil {
		return signedNode{}, err
	}
	f, err := sp.s.cfg.Past.Sign(t, past.File{Part: sp.part("object"), Content: sealed, Copies: o.copies(), Pays: nodePays}, sp.signer)
	if err != nil {
		return signedNode{}, err
	}
	return signedNode{piece.Ref{Object: f.Certificate.ID(), Hash: f.Certificate.Content, Key: key}, f}, nil
}

// write makes edits in a tree and stores its new nodes. A failed write may have left nodes
// behind, in s.saved.
func (s *store) write(before tree.Tree, edits []tree.Edit) (changed tree.Tree, gone []piece.Ref, err error) {
	changed, gone, err = before.Apply(s, edits)
	if waited := s.saving(); err == nil {
		err = waited
	}
	if !errors.Is(err, past.ErrFull) || s.apart {
		return changed, gone, err
	}
	s.sp.give(s.saved)
	s.saved, s.failed, s.apart = nil, nil, true
	return before.Apply(s, edits)
}
