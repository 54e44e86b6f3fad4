package space

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// op is a change that waits to be made. run makes it in a view, and may be called several
// times, each time with another tree: what it returns counts for the attempt that became a
// root. If it fails it has changed nothing.
type op struct {
	names   []string // that it will look at
	strict  bool     // it promises more than can be without a majority of those who keep the root
	shares  bool     // it gives contents other names, and must know whether that majority is there
	run     func(*roots.View) (*tree.Version, error)
	resolve func(*tree.Version, error)
}

// result is what came of one op.
type result struct {
	version *tree.Version
	err     error
}

// change makes a change, together with others that wait.
func (sp *Space) change(t *task.T, names []string, run func(*roots.View) (*tree.Version, error)) (*tree.Version, error) {
	return sp.changeIf(t, names, false, run)
}

// changeIf is change, which with strict is not made without a majority of those who keep the root:
// as long as that is away the error is past.ErrNotReachable.
func (sp *Space) changeIf(t *task.T, names []string, strict bool, run func(*roots.View) (*tree.Version, error)) (*tree.Version, error) {
	return sp.add(t, &op{names: names, strict: strict, run: run})
}

// add has a change made.
func (sp *Space) add(t *task.T, o *op) (*tree.Version, error) {
	if sp.signer == nil {
		return nil, ErrReadOnly
	}
	v, err := task.Await(t, 2*sp.s.cfg.Patience, func(resolve func(*tree.Version, error)) {
		o.resolve = resolve
		sp.queue = append(sp.queue, o)
		if !sp.busy {
			sp.busy = true
			sp.s.ep.Go(sp.work, nil)
		}
	})
	if errors.Is(err, task.ErrTimeout) {
		err = ErrUncertain
	}
	return v, err
}

// work makes the changes of the queue, as many at once as wait.
func (sp *Space) work(t *task.T) error {
	for len(sp.queue) > 0 {
		n := min(len(sp.queue), sp.s.cfg.Batch)
		first := sp.queue[0]
		if i := slices.IndexFunc(sp.queue[:n], func(o *op) bool { return o.strict != first.strict || o.shares != first.shares }); i > 0 {
			n = i
		}
		ops := sp.queue[:n:n]
		sp.queue = sp.queue[n:]
		results, err := sp.commit(t, ops)
		for i, o := range ops {
			if err != nil {
				o.resolve(nil, err)
			} else {
				o.resolve(results[i].version, results[i].err)
			}
		}
		if errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	sp.busy = false
	return nil
}

// attempt is a root that was sent off.
type attempt struct {
	made    tree.Made
	from    uint64 // version of the root that it was made from
	results []result
	saved   []piece.Ref
	gone    []piece.Ref     // nodes that it does not need any more
	dropped []*tree.Version // nor these
	root    *roots.Root
	strict  bool // a majority of those who keep the root makes it, or nobody
	unknown bool // nobody has said what became of it: it may be one
}

// commit makes changes, all of one kind, again and again until a root with them is current.
func (sp *Space) commit(t *task.T, ops []*op) ([]result, error) {
	end := sp.s.ep.Now().Add(sp.s.cfg.Patience)
	var tried []*attempt
	r, fresh, err := sp.base(t, ops)
	defer func() { sp.landed(tried) }()
	for {
		if err == nil {
			if i := slices.IndexFunc(tried, func(a *attempt) bool { return r.Has(a.made) }); i >= 0 {
				if tried[i].made.Who == sp.names.Who {
					sp.names.Last = tried[i].made
				}
				sp.settled(tried, tried[i])
				return told(tried, tried[i]), nil
			}
			var a *attempt
			a, err = sp.build(t, r, fresh, ops)
			if err == nil && a.root == nil && !fresh { // that must be so in the root of now
				r, err = sp.now(t)
				fresh = true
				continue
			}
			if err == nil && a.root == nil {
				sp.settled(tried, nil)
				return told(tried, a), nil
			}
			if err == nil {
				tried = append(tried, a)
				var now *roots.Root
				now, err = sp.replace(t, a.root, r.Version, a.strict)
				if err == nil {
					sp.current, sp.own, sp.names.Last = now, now, a.made
					sp.settled(tried, a)
					return told(tried, a), nil
				}
				if errors.Is(err, past.ErrConflict) && now != nil && now.Version > r.Version {
					r, fresh, err = now, true, nil // somebody was faster
					continue
				}
				// A conflict that shows no root, an older one, or the same one, is one root's word without proof.
				rival := errors.Is(err, past.ErrConflict) && now != nil && now.Version == r.Version && now.Certificate != r.Certificate
				sp.names.Last, a.unknown = a.made, !rival
			}
		}
		if fatal(err) || !sp.s.ep.Now().Before(end) {
			if len(tried) > 0 && !errors.Is(err, task.ErrStopped) {
				return nil, errors.Join(ErrUncertain, err)
			}
			return nil, err
		}
		if err := t.Sleep(sp.pause()); err != nil {
			return nil, err
		}
		r, err = sp.now(t)
		fresh = true
	}
}

// base is the root that a change is made from. If this node made the last one that it knows
// of, and so nobody else seems to be at it, that is taken without looking (fresh is false): if
// it is not current any more, it cannot be replaced.
func (sp *Space) base(t *task.T, ops []*op) (r *roots.Root, fresh bool, err error) {
	if !sp.shares(ops) && sp.own != nil && sp.own == sp.current && sp.own.Apart == 0 {
		return sp.own, false, nil
	}
	r, err = sp.now(t)
	return r, true, err
}

// shares reports whether changes give contents other names, which are given back with their last one. What is made of
// such from a root of a majority is made by a majority, or not at all: if that has gone away meanwhile it is made anew from the
// root of those who are left, see anew.go.
func (sp *Space) shares(ops []*op) bool { return ops[0].shares && !sp.charter.Convergent }

// fatal reports whether another try would end in the same way. Where a majority is away what is missing of the directory
// (ErrMissing) comes back with it; else a newer root may do without it.
func fatal(err error) bool {
	for _, e := range []error{task.ErrStopped, past.ErrApart, ErrForged, ErrNoAccess, ErrReadOnly, past.ErrTooLarge, past.ErrFull, past.ErrQuota, past.ErrClock} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// build makes changes in a tree and writes it. There is no root in it if nothing changes, or if
// a change is refused for what stands in a root that is not fresh.
func (sp *Space) build(t *task.T, r *roots.Root, fresh bool, ops []*op) (*attempt, error) {
	if r.Moved {
		return nil, past.ErrNotReachable // the space's owner is at it
	}
	if sp.signer == nil {
		return nil, ErrReadOnly // since a moment
	}
	if ops[0].strict && r.Apart > 0 {
		return nil, past.ErrApart
	}
	c, err := sp.ownChanges(t)
	if err != nil {
		return nil, err
	}
	s, made := &store{sp: sp, t: t}, sp.attempt(r)
	v, err := sp.merge(t, s, r, made)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range ops {
		names = append(names, o.names...)
	}
	slices.Sort(names)
	if _, err := v.Tree.Get(s, slices.Compact(names)...); err != nil { // all at once, into the cache
		return nil, err
	}
	a := &attempt{made: made, from: r.Version, results: make([]result, len(ops))}
	a.strict = ops[0].strict || r.Apart == 0 && (sp.shares(ops) || v.Beside && !sp.charter.Convergent)
	for i, o := range ops {
		x, err := o.run(v.View)
		if err != nil && !refused(err) {
			return nil, err
		}
		a.results[i] = result{x, err}
		if err != nil && !fresh {
			return a, nil
		}
	}
	if v.Number == r.Number && len(v.Edits) == 0 && v.History == r.History {
		return a, nil
	}
	c.try(sp, r, made)
	noted := c.save(sp) // beside the nodes
	changed, gone, err := s.write(v.Tree, v.Edits)
	if bad := noted.wait(t); err == nil {
		err = bad
	}
	if err != nil {
		c.Lost(a.made)
		c.land(a.made)
		sp.give(s.saved)
		return nil, err
	}
	a.saved, a.gone, a.dropped = s.saved, gone, v.Dropped
	a.root = &roots.Root{Number: v.Number, Tree: changed, Made: v.After(made), History: v.History, Bytes: v.Bytes,
		Met: v.Met, Resolves: v.Resolved()}
	a.root.Agreed, a.root.By = v.Base.LastAgreed()
	return a, nil
}

// refused reports whether an op was decided, against it.
func refused(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrChanged) || errors.Is(err, ErrClash) || errors.Is(err, tree.ErrName) || errors.Is(err, errAnew)
}

// told are the results of an attempt that was made, or that would change nothing. What it refused, and another one that may
// have been made did not, is uncertain.
func told(tried []*attempt, a *attempt) []result {
	for i, x := range a.results {
		if x.err != nil && slices.ContainsFunc(tried, func(o *attempt) bool { return o != a && o.unknown && o.results[i].err == nil }) {
			a.results[i].err = uncertain(x.err)
		}
	}
	return a.results
}

// uncertain is the error of a change of which an earlier try may have been made. That the last one was refused says nothing then.
func uncertain(err error) error {
	if refused(err) && !errors.Is(err, errAnew) {
		return ErrUncertain
	}
	return errors.Join(ErrUncertain, err)
}

// settled gives back what the attempts leave over: of the one that was made what it replaced, of those that were
// not made what they wrote. One of which nobody knows stays open (package notes): it may stand out of sight, and be
// brought together with the others later. What it wrote and nobody needs is swept up when a majority's root has settled it.
func (sp *Space) settled(tried []*attempt, won *attempt) {
	c := sp.s.changes[sp.id]
	for _, a := range tried {
		if a != won && !a.unknown {
			c.Lost(a.made)
			sp.give(a.saved)
		}
	}
	if won != nil {
		c.Sure(won.made)
		c.save(sp)
		if sp.Apart() > 0 {
			return // others may go on from what was there; what nobody needs in the end is swept up
		}
		sp.give(won.gone)
		sp.drop(won)
	}
}
