package lab

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

// step lets some client do something.
func (st *storage) step() {
	if st.steps++; st.steps%4 == 0 {
		st.folder.Step()
	}
	switch n := st.rng.IntN(20); {
	case n < 8 || len(st.files) == 0:
		st.insert()
	case n < 13:
		st.lookup(st.some())
	case n == 13:
		st.reclaim(st.some())
	case n == 14:
		st.again(st.some())
	default:
		r := st.names[st.rng.IntN(len(st.names))]
		if n < 17 {
			st.readName(r)
		} else {
			st.changeName(r)
		}
	}
	for _, n := range st.storm.Live() {
		if err := st.homes[n].past.Check(); err != nil {
			st.fail("S10: %v", err)
		}
	}
}

// prepare makes the first versions of mutable objects, but for one, whose first version is
// to be made in the storm: then it takes certainty that nobody has one. Where nodes are hasty
// all are.
func (st *storage) prepare() {
	st.storm.Sim.RunFor(time.Minute)
	calm := st.names[1:]
	if st.hasty {
		calm = nil
	}
	for _, r := range calm {
		st.changeName(r)
	}
	st.folder.Make()
	st.storm.Sim.RunFor(time.Minute)
}

func (st *storage) some() *file { return st.files[st.rng.IntN(len(st.files))] }

// undecided reports whether an outcome says nothing of the object: it may have been done or
// not, and may be tried again.
func undecided(err error) bool {
	return errors.Is(err, past.ErrNotReachable) || errors.Is(err, past.ErrTooFew) || errors.Is(err, past.ErrUncertain) || errors.Is(err, task.ErrStopped)
}

func (st *storage) insert() {
	owner, number := st.people[st.rng.IntN(len(st.people))], len(st.open)
	content := fmt.Sprintf("%d: %*d", number, st.rng.IntN(2000), number)
	f := past.File{Part: certificate.NamePart([]byte("storm"), "file"), Content: []byte(content), Copies: []int{1, 3, 3, 5, 5, 5}[st.rng.IntN(6)]}
	st.run("an insert", func(t *task.T, p *past.Past) error {
		began := st.now()
		s, err := p.Insert(t, f, owner)
		if undecided(err) {
			return nil
		}
		if err != nil {
			return err
		}
		st.toll.Stored++
		parted := st.acknowledged(began, s)
		st.files = append(st.files, &file{stored: s, content: content, owner: owner, parted: parted})
		return nil
	})
}

// acknowledged checks S1: the receipts are of different members, and each of them has the
// object on its disk, unless that was lost meanwhile. It reports whether most of those who
// are nearest to the object gave none: the others had lost sight of them.
func (st *storage) acknowledged(began time.Duration, s past.Stored) (parted bool) {
	o, ring := s.Certificate.ID(), st.storm.admit
	holders := make(map[id.ID]bool)
	for _, r := range s.Receipts {
		wall := time.UnixMilli(r.Time) // its own clock may be wrong
		if err := r.Verify(ring.ring, o, s.Certificate.Hash(ring.ring), wall, ring.verifier); err != nil {
			st.fail("S1: %v", err)
		}
		holders[r.Holder.Node] = true
		n, known := st.storm.Sim.Find(r.Holder.Node)
		if !known {
			st.fail("S1: a receipt of %s, who is nobody", r.Holder.Node.Short())
			continue
		}
		if h := st.homes[n]; h.wiped < began {
			if _, err := h.disk.Get(past.ContentTable, o[:]); err != nil {
				st.fail("S1: node %d gave a receipt, and its disk says: %v", n, err)
			}
		}
	}
	if len(holders) != len(s.Receipts) || len(holders) == 0 {
		st.fail("S1: %d receipts of %d nodes", len(s.Receipts), len(holders))
	}
	near, k, among := st.storm.Live(), int(s.Certificate.Copies), 0
	slices.SortFunc(near, func(a, b sim.NodeRef) int {
		if id.Closer(o.Place(), st.storm.Sim.Handle(a).ID, st.storm.Sim.Handle(b).ID) {
			return -1
		}
		return 1
	})
	for _, n := range near[:min(k, len(near))] {
		if holders[st.storm.Sim.Handle(n).ID] {
			among++
		}
	}
	return 2*among <= k
}

// mayMiss reports whether it may be said of a file that it does not exist: it was reclaimed or
// is lost; or nobody waits for those who may have it; or few have it, as it wants no more copies, or was stored in a part of the ring that
// had lost sight of the others: a majority cannot know of it before all have met again.
func (st *storage) mayMiss(f *file) bool {
	copies := len(f.stored.Receipts)
	return f.reclaimed || f.parted || st.hasty || copies < max(3, int(f.stored.Certificate.Copies)) || st.mayBeLost(f.stored.Certificate.ID(), copies)
}

// lookup reads a file.
func (st *storage) lookup(f *file) {
	o := f.stored.Certificate.ID()
	st.run("a lookup", func(t *task.T, p *past.Past) error {
		got, err := p.Lookup(t, o)
		switch {
		case undecided(err):
		case errors.Is(err, past.ErrNotFound):
			if !st.mayMiss(f) {
				return fmt.Errorf("S2: file %s, of %d receipts, which %s: %w", o.Place().Short(), len(f.stored.Receipts), st.whereabouts(o), err)
			}
		case err != nil:
			return err
		case string(got.Content) != f.content:
			return fmt.Errorf("S4: file %s has another content", o.Place().Short())
		default:
			st.toll.Read++
		}
		return nil
	})
}

// whereabouts says on whose disks a file is, for who reads what went wrong.
func (st *storage) whereabouts(o id.Hash) string {
	var run, down []sim.NodeRef
	for i, h := range st.homes {
		n := sim.NodeRef(i)
		if _, err := h.disk.Get(past.ContentTable, o[:]); err != nil {
			continue
		}
		if st.storm.Sim.Alive(n) && !st.storm.Sim.Paused(n) {
			run = append(run, n)
		} else {
			down = append(down, n)
		}
	}
	return fmt.Sprintf("nodes %v have, and %v that do not run", run, down)
}

// again stores a file that is there already, with the same certificate: it may fail, and
// changes nothing.
func (st *storage) again(f *file) {
	st.run("a repeated insert", func(t *task.T, p *past.Past) error {
		_, err := p.Store(t, f.stored.Certificate, []byte(f.content))
		if undecided(err) || f.reclaimed && errors.Is(err, past.ErrReclaimed) {
			return nil
		}
		return err
	})
}

// reclaim lets the owner of a file reclaim it, and somebody else try.
func (st *storage) reclaim(f *file) {
	by, other := f.owner, st.rng.IntN(2) == 0
	if other {
		by = st.people[(st.indexOf(by)+1)%len(st.people)]
	} else {
		f.reclaimed = true
	}
	st.run("a reclaim", func(t *task.T, p *past.Past) error {
		err := p.Reclaim(t, f.stored.Certificate.ID(), by)
		switch {
		case undecided(err):
			return nil
		case other && err == nil && !st.mayMiss(f): // to reclaim what is not there is no error
			return fmt.Errorf("S8: another's file was reclaimed")
		case other && errors.Is(err, certificate.ErrReclaim), other && err == nil:
			return nil
		}
		f.gone = f.gone || err == nil && !f.parted && !st.hasty // or it was not found, as a lookup may say then
		return err
	})
}

func (st *storage) indexOf(s peer.Signer) int {
	for i, p := range st.people {
		if p == s {
			return i
		}
	}
	return -1
}

// readName reads a mutable object.
func (st *storage) readName(r *mutable) {
	st.run("a read of a mutable object", func(t *task.T, p *past.Past) error {
		op := r.Read(st.now())
		f, err := p.Current(t, r.name)
		switch {
		case errors.Is(err, past.ErrNotFound):
			r.Saw(op, st.now(), 0, "")
		case undecided(err):
		case err != nil:
			return err
		default:
			r.last = max(r.last, f.Certificate.Version)
			r.Saw(op, st.now(), f.Certificate.Version, string(f.Content))
		}
		return nil
	})
}

// changeName changes a mutable object.
func (st *storage) changeName(r *mutable) {
	r.count++
	content, replaces, reads := fmt.Sprint("content ", r.count), r.last, st.hasty && st.rng.IntN(2) == 0
	st.run("a change of a mutable object", func(t *task.T, p *past.Past) error {
		if reads {
			return st.changeWhatIsThere(t, p, r, content)
		}
		op := r.Change(st.now(), replaces, content)
		f, err := p.Change(t, r.name.Part, r.name.Copies, replaces, []byte(content), r.owner)
		var conflict *past.ConflictError
		switch {
		case undecided(err):
		case errors.As(err, &conflict):
			r.Refused(op, st.now())
			if c := conflict.Current.Certificate; c != nil {
				r.last = max(r.last, c.Version)
			}
		case err != nil:
			return err
		default:
			r.Made(op, st.now())
			r.last, r.known = max(r.last, f.Certificate.Version), true
		}
		return nil
	})
}

// changeWhatIsThere changes what a client has read.
func (st *storage) changeWhatIsThere(t *task.T, p *past.Past, r *mutable, content string) error {
	f, err := p.Current(t, r.name)
	switch {
	case errors.Is(err, past.ErrNotFound):
		f.Certificate = new(certificate.Certificate)
	case undecided(err):
		return nil
	case err != nil:
		return err
	}
	op := r.Change(st.now(), f.Certificate.Version, content)
	r.Replaces(op, string(f.Content))
	got, err := p.Change(t, r.name.Part, r.name.Copies, f.Certificate.Version, []byte(content), r.owner)
	switch {
	case undecided(err):
	case errors.Is(err, past.ErrConflict):
		r.Refused(op, st.now())
	case err != nil:
		return err
	default:
		r.Made(op, st.now())
		r.last, r.known = max(r.last, got.Certificate.Version), true
	}
	return nil
}

// judge checks, when the ring has been calm for long enough, that each object is with the
// nodes nearest to it and nowhere else, that what was acknowledged is there, and that what
// was read of mutable objects could have been.
func (st *storage) judge() {
	st.unended()
	var ps []*past.Past
	for _, n := range st.storm.Live() {
		p := st.homes[n].past
		ps = append(ps, p)
		if err := p.CheckDisk(); err != nil {
			st.fail("S10: %v", err)
		}
	}
	if err := past.CheckReplicas(true, ps...); err != nil {
		st.fail("S3: %v", err)
	}
	st.readAll()
	for i, r := range st.names {
		if err := st.judgeName(r); err != nil {
			st.fail("S6: mutable object %d: %v", i, err)
		}
	}
}

// judgeName checks what was seen of a mutable object. In a part of the ring that was alone for
// long enough there may have been another one, with no more copies than the part has nodes: one disk
// may have been all that it had.
func (st *storage) judgeName(r *mutable) error {
	switch {
	case r.met && !st.hasty:
		return fmt.Errorf("it has rivals, and no part of the ring was alone for long: %q", r.left)
	case r.met:
		st.toll.Met++
	}
	switch {
	case !st.hasty:
		return r.Check()
	case st.mayBeLost(r.name.ID(), 1):
		return nil
	}
	return r.CheckBranches(r.left...)
}

// readAll reads everything, a few at once.
func (st *storage) readAll() {
	st.folder.Judge()
	for i, f := range st.files {
		st.mustRead(f)
		if i%16 == 0 {
			st.storm.Sim.RunFor(2 * time.Second)
		}
	}
	st.storm.Sim.RunFor(longestErrand)
	for _, r := range st.names {
		st.mustGoOn(r)
	}
	st.storm.Sim.RunFor(longestErrand + time.Second)
	st.unended()
}

// mustRead reads a file in calm.
func (st *storage) mustRead(f *file) {
	o := f.stored.Certificate.ID()
	gone := st.mayBeLost(o, len(f.stored.Receipts))
	if gone || f.reclaimed {
		st.toll.Spared++
	}
	if gone {
		return
	}
	st.run("a lookup in calm", func(t *task.T, p *past.Past) error {
		got, err := p.Lookup(t, o)
		switch {
		case f.gone && errors.Is(err, past.ErrNotFound), f.reclaimed && !f.gone && (err == nil || errors.Is(err, past.ErrNotFound)):
			return nil
		case f.gone && err == nil:
			return fmt.Errorf("S8: file %s was reclaimed and is there", o.Place().Short())
		case err != nil:
			st.toll.Lost++
			return fmt.Errorf("S2: file %s, of %d receipts, which %s: %w", o.Place().Short(), len(f.stored.Receipts), st.whereabouts(o), err)
		case string(got.Content) != f.content:
			st.toll.Lost++
			return fmt.Errorf("S4: file %s has another content", o.Place().Short())
		}
		return nil
	})
}

// mustGoOn reads and changes a mutable object in calm. Half of its copies may have been lost:
// then its holders' promises are, and nothing is decided.
func (st *storage) mustGoOn(r *mutable) {
	if st.mayBeLost(r.name.ID(), int(r.name.Copies+1)/2) {
		return
	}
	st.run("a read of a mutable object in calm", func(t *task.T, p *past.Past) error {
		op := r.Read(st.now())
		f, err := p.Current(t, r.name)
		switch {
		case errors.Is(err, past.ErrNotFound):
			r.Saw(op, st.now(), 0, "")
			if r.known {
				return fmt.Errorf("S2: version %d was acknowledged: %w", r.last, err)
			}
			f.Certificate = new(certificate.Certificate)
		case err != nil:
			return err
		default:
			r.Saw(op, st.now(), f.Certificate.Version, string(f.Content))
			r.left = []string{string(f.Content)}
		}
		for _, h := range f.Rivals {
			x, err := p.Rival(t, r.name, h)
			if err != nil {
				return fmt.Errorf("S2: a rival: %w", err)
			}
			r.left, r.met = append(r.left, string(x.Content)), true
		}
		op = r.Change(st.now(), f.Certificate.Version, "the end")
		r.Replaces(op, string(f.Content))
		if _, err = p.Change(t, r.name.Part, r.name.Copies, f.Certificate.Version, []byte("the end"), r.owner); err == nil {
			r.Made(op, st.now())
			r.left = append(r.left, "the end")
		}
		return err
	})
}
