package space

import (
	"errors"
	"slices"
	"strings"
	"time"

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
	names   []string // that it looks at: files, or folders with all that is below them
	strict  bool     // it promises more than can be without a majority of those who keep the root
	shares  bool     // it gives contents other names, and must know whether that majority is there
	run     func(*roots.View) (*tree.Version, error)
	resolve func(*tree.Version, error)
	tried   []earlier
	left    bool         // nobody waits for it any more
	number  uint64       // in the order in which changes of the space were asked for; 0: not yet
	until   task.Instant // somebody waits for it, till then
}

// earlier is a try to make a change of which nobody has said what became of it.
type earlier struct {
	made    tree.Made
	version *tree.Version // what it would have made
	apart   bool          // it may have been made without a majority
}

// waits reports whether a change is made by a majority, where one was there when it was begun, or not at all.
func (sp *Space) waits(o *op) bool { return o.strict || o.shares && !sp.charter.Convergent }

// depends reports whether a change looks at what one of others looks at.
func (o *op) depends(others []*op) bool {
	return slices.ContainsFunc(others, func(x *op) bool {
		return slices.ContainsFunc(x.names, func(a string) bool {
			return slices.ContainsFunc(o.names, func(b string) bool { return within(a, b) || within(b, a) })
		})
	})
}

// within reports whether a name is another one, or below it.
func within(name, of string) bool {
	return name == of || of == "" || strings.HasPrefix(name, strings.TrimSuffix(of, "/")+"/")
}

// found reports whether an earlier try has made the change in what a view is of, and which version that is now.
func (o *op) found(v *roots.Merged) (x *tree.Version, found bool, err error) {
	i := slices.IndexFunc(o.tried, func(e earlier) bool {
		return slices.ContainsFunc(v.Roots, func(r *roots.Root) bool { return r.Facts().After(e.made) })
	})
	if i < 0 {
		return nil, false, nil
	}
	was := o.tried[i].version
	if was == nil {
		return nil, true, nil
	}
	for _, name := range o.names { // where parts meet versions get other numbers
		e, err := v.Get(name)
		if err != nil {
			return nil, false, err
		}
		if e == nil {
			continue
		}
		if at := slices.IndexFunc(e.Versions, func(y *tree.Version) bool {
			return y.By == was.By && y.Time == was.Time && y.Content.Ref == was.Content.Ref && y.Removed == was.Removed
		}); at >= 0 {
			return e.Versions[at], true, nil
		}
	}
	return was, true, nil
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

// errLater: a change waits until another one that it depends on is made. No caller of the package sees it.
var errLater = errors.New("space: another change is made first")

// add has a change made.
func (sp *Space) add(t *task.T, o *op) (*tree.Version, error) {
	if sp.signer == nil {
		return nil, ErrReadOnly
	}
	o.until = sp.s.ep.Now().Add(2 * sp.s.cfg.Patience)
	v, err := task.Await(t, 2*sp.s.cfg.Patience, func(resolve func(*tree.Version, error)) {
		o.resolve = resolve
		sp.back(o)
		sp.enqueue(o)
		sp.begin()
	})
	if errors.Is(err, task.ErrTimeout) {
		err, o.left = ErrUncertain, true
	}
	return v, o.told(err)
}

// told is the outcome of a change, of which an earlier try may have been made.
func (o *op) told(err error) error {
	if err == nil || len(o.tried) == 0 || putOff(err) || errors.Is(err, ErrUncertain) {
		return err
	}
	return uncertain(err)
}

// enqueue puts a change into the queue. One that was there before comes before those that were asked for after it.
func (sp *Space) enqueue(o *op) {
	if o.number == 0 {
		sp.asked++
		o.number = sp.asked
	}
	at := slices.IndexFunc(sp.queue, func(x *op) bool { return x.number > o.number })
	if at < 0 {
		at = len(sp.queue)
	}
	sp.queue = slices.Insert(sp.queue, at, o)
}

// begin has a task make the changes of the queue.
func (sp *Space) begin() {
	if !sp.busy && len(sp.queue) > 0 {
		sp.busy = true
		sp.s.ep.Go(sp.work, nil)
	}
}

// back notes that a change does not store contents anew any more, and reports whether it did.
func (sp *Space) back(o *op) bool {
	n := len(sp.renewing)
	sp.renewing = slices.DeleteFunc(sp.renewing, func(x *op) bool { return x == o })
	return len(sp.renewing) < n
}

// work makes the changes of the queue, as many at once as wait.
func (sp *Space) work(t *task.T) error {
	for {
		ops := sp.take(nil, false)
		if len(ops) == 0 {
			sp.busy = false
			return nil
		}
		if err := sp.make(t, ops); err != nil {
			return err
		}
	}
}

// take takes changes of one kind off the queue. While others wait for a majority (pass), that are those which need none. Those
// stay behind which depend on what is before them: who puts a file as its name goes to another one means not to see it go there.
func (sp *Space) take(waiting []*op, pass bool) (ops []*op) {
	var left []*op
	full := false
	for _, o := range sp.queue {
		switch {
		case full, pass && sp.waits(o), o.depends(waiting), o.depends(sp.renewing), o.depends(left):
			left = append(left, o)
		case len(ops) == sp.s.cfg.Batch, !pass && len(ops) > 0 && (o.strict != ops[0].strict || o.shares != ops[0].shares):
			full, left = true, append(left, o)
		default:
			ops = append(ops, o)
		}
	}
	sp.queue = left
	return ops
}

// make makes changes of one kind, and says what came of each. The error is task.ErrStopped.
func (sp *Space) make(t *task.T, ops []*op) error {
	results, err := sp.commit(t, ops)
	for i, o := range ops {
		x := result{err: err}
		if err == nil {
			x = results[i]
		}
		switch {
		case errors.Is(x.err, errLater) && !o.left:
			sp.enqueue(o)
			continue
		case errors.Is(x.err, errAnew) && !o.left:
			sp.renewing = append(sp.renewing, o)
		}
		o.resolve(x.version, x.err)
	}
	return passStop(err)
}

// letPass makes changes that need no majority, while others wait for one. The error is task.ErrStopped.
func (sp *Space) letPass(t *task.T, waiting []*op) error {
	if ops := sp.take(waiting, true); len(ops) > 0 {
		return sp.make(t, ops)
	}
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

// in reports whether a root is what an attempt has made, or comes after that.
func (a *attempt) in(r *roots.Root) bool {
	return r.Has(a.made) || a.unknown && r.Facts().After(a.made)
}

// unknown reports whether one of some attempts may have been made.
func unknown(tried []*attempt) bool {
	return slices.ContainsFunc(tried, func(a *attempt) bool { return a.unknown })
}

// strictTry is for how long storage tries a change that waits for a majority, before others pass it.
const strictTry = 10 * time.Second

// commit makes changes, all of one kind, again and again until a root with them is current.
func (sp *Space) commit(t *task.T, ops []*op) ([]result, error) {
	end := sp.s.ep.Now().Add(sp.s.cfg.Patience)
	var tried []*attempt
	r, fresh, err := sp.base(t, ops)
	defer func() { sp.landed(tried) }()
	for {
		if err == nil {
			if i := slices.IndexFunc(tried, func(a *attempt) bool { return a.in(r) }); i >= 0 {
				a := tried[i]
				sp.names.Heard(a.made)
				// What others have made of it, perhaps as parts of a ring met, may need what it replaced.
				sp.settled(tried, a, r.Made[0] == a.made)
				return told(tried, a), nil
			}
			var a *attempt
			a, err = sp.build(t, r, fresh, ops)
			if err == nil && a.root == nil && !fresh { // that must be so in the root of now
				r, err = sp.now(t)
				fresh = true
				continue
			}
			if err == nil && a.root == nil {
				sp.settled(tried, nil, false)
				return told(tried, a), nil
			}
			if err == nil {
				var now *roots.Root
				if now, err = sp.send(t, a, r, ops); !errors.Is(err, past.ErrUnsent) {
					tried = append(tried, a)
				}
				if err == nil {
					sp.current, sp.own = now, now
					sp.names.Heard(a.made)
					sp.settled(tried, a, true)
					return told(tried, a), nil
				}
				if now != nil && replaced(r, now) {
					r, fresh, err = now, true, nil // somebody was faster
					continue
				}
			}
		}
		if !fatal(err) && sp.waits(ops[0]) {
			begun := sp.s.ep.Now()
			if err := sp.letPass(t, ops); err != nil {
				return nil, err
			}
			end = max(end, min(end.Add(sp.s.ep.Now().Sub(begun)), ops[0].until)) // that was no time of theirs
		}
		if fatal(err) || !sp.s.ep.Now().Before(end) {
			sp.settled(tried, nil, false)
			if unknown(tried) && !errors.Is(err, task.ErrStopped) {
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

// send tries to put what an attempt has built in place of the root that it was made from. If another one is current, now is that
// one, as a majority says, and the error past.ErrConflict. An attempt of which it is certain that nobody else has heard of it
// is forgotten: past.ErrUnsent.
func (sp *Space) send(t *task.T, a *attempt, from *roots.Root, ops []*op) (now *roots.Root, err error) {
	within := time.Duration(0)
	if a.strict {
		within = strictTry
	}
	now, err = sp.replace(t, a.root, from.Version, a.strict, within)
	c := sp.s.changes[sp.id]
	switch {
	case err == nil:
		return now, nil
	case errors.Is(err, past.ErrUnsent):
		c.Lost(a.made)
		c.land(a.made)
		c.save(sp)
		sp.give(a.saved)
		return nil, err
	case errors.Is(err, past.ErrConflict):
		var bad error
		if now, bad = sp.now(t); passStop(bad) != nil {
			return nil, bad
		}
		if bad == nil && replaced(from, now) {
			return now, err
		}
	}
	// Else a conflict is one root's word without proof.
	a.unknown, sp.names.Last = true, a.made
	for i, o := range ops {
		if x := a.results[i]; x.err == nil {
			o.tried = append(o.tried, earlier{a.made, x.version, !a.strict})
		}
	}
	return now, err
}

// replaced reports whether another root has come in place of one: a later one, or as parts of a ring have met.
func replaced(r, now *roots.Root) bool {
	return now.Version > r.Version || now.Version == r.Version && now.Certificate != r.Certificate
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
	var later []*op // those that are not made yet, as contents are stored anew before
	for i, o := range ops {
		x, found, err := o.found(v)
		switch {
		case err != nil || found:
		case o.depends(later):
			err = errLater
		default:
			x, err = o.run(v.View)
		}
		if putOff(err) {
			later = append(later, o)
		}
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
	c.try(sp, r, made, !a.strict)
	noted := c.save(sp) // beside the nodes
	changed, gone, err := s.write(v.Tree, v.Edits)
	if bad := noted.wait(t); err == nil {
		err = bad
	}
	if err != nil {
		c.Lost(a.made)
		c.land(a.made)
		c.save(sp)
		sp.give(s.saved)
		return nil, err
	}
	a.saved, a.gone, a.dropped = s.saved, gone, v.Dropped
	a.root = &roots.Root{Number: v.Number, Tree: changed, Made: v.After(made), History: v.History, Bytes: v.Bytes,
		Met: v.Met, Resolves: v.Resolved()}
	a.root.Agreed, a.root.By = v.Base.LastAgreed()
	return a, nil
}

// refused reports whether an op was decided, against it, or put off.
func refused(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrChanged) || errors.Is(err, ErrClash) || errors.Is(err, tree.ErrName) || putOff(err)
}

// putOff reports whether an op comes again.
func putOff(err error) bool { return errors.Is(err, errAnew) || errors.Is(err, errLater) }

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
	if refused(err) && !putOff(err) {
		return ErrUncertain
	}
	return errors.Join(ErrUncertain, err)
}

// settled gives back what the attempts leave over: of the one that was made what it replaced, if it is the current root
// (current), of those that were not made what they wrote; none while a majority is away, as others may go on from what was
// there. One of which nobody knows stays open (package notes): it may stand out of sight, and be brought together with the
// others later. What nobody needs in the end is swept up when a majority's root has settled it.
func (sp *Space) settled(tried []*attempt, won *attempt, current bool) {
	c, apart := sp.s.changes[sp.id], sp.Apart() > 0
	for _, a := range tried {
		if a != won && !a.unknown {
			if c.Lost(a.made); !apart {
				sp.give(a.saved)
			}
		}
	}
	if won != nil {
		c.Sure(won.made)
		if current && !apart {
			sp.give(won.gone)
			sp.drop(won)
		}
	}
	if len(tried) > 0 {
		c.save(sp)
	}
}
