package folder

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Storm is what a folder sees of the storm around it.
type Storm interface {
	// Run lets f run on some node, with the spaces of its present life, and reports what it returns; one error
	// excepted, task.ErrStopped.
	Run(what string, f func(*task.T, *space.Spaces) error)
	// MayBeLost reports whether so many copies of an object may have been lost at once, and AnyLost whether those of
	// any one may that is part of a space.
	MayBeLost(o id.Hash, copies int) bool
	AnyLost(copies int) bool
	// Parted reports whether parts of the ring may go on for themselves.
	Parted() bool
}

// Folder is the folder of a storm.
type Folder struct {
	storm  Storm
	rng    *rand.Rand
	people []space.Person
	handle space.Handle
	made   bool
	files  []*file
	claims map[string]int // acknowledged, by name
	count  int
	// Changed counts the changes that were acknowledged, and Kept the files that were found in the end.
	Changed, Kept int
}

// file is a content that was acknowledged under a name.
type file struct {
	content string
	names   []string // one of which it has
	gone    bool     // somebody has removed it, or may have
	sure    bool     // he was told so, and it had no other name
	busy    bool
}

// New returns a folder that the first of these people is to make.
func New(s Storm, rng *rand.Rand, people []space.Person) *Folder {
	return &Folder{storm: s, rng: rng, people: people, claims: make(map[string]int)}
}

// Copies is of how many nodes each object of a folder has copies.
const Copies = space.Copies

// Make makes the folder.
func (f *Folder) Make() {
	f.storm.Run("make a space", func(t *task.T, s *space.Spaces) error {
		sp, err := s.Create(t, f.people[0], space.Founding{Name: "storm"})
		if err != nil {
			return err
		}
		for _, p := range f.people[1:] {
			seal := p.Seals[len(p.Seals)-1]
			if err := sp.Grant(t, space.Grant{Key: p.Signer.Public(), Name: p.Name, Writes: true, Number: seal.Number, SealTo: seal.Opener.SealKey()}); err != nil {
				return err
			}
		}
		f.handle = sp.Handle()
		_, err = f.store(t, sp, "the first", "the first", space.Cond{})
		f.made = err == nil
		return err
	})
}

// undecided reports whether an outcome says nothing: it may have been done or not.
func undecided(err error) bool {
	for _, e := range []error{past.ErrNotReachable, past.ErrUncertain, past.ErrTooFew, past.ErrNotFound, space.ErrUncertain, task.ErrStopped} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// in runs something in the folder as one of the people, whose outcome goes to done. That it is undecided is no error.
func (f *Folder) in(what string, do func(*task.T, *space.Space) error, done func(error) error) {
	p := f.people[f.rng.IntN(len(f.people))]
	f.storm.Run(what, func(t *task.T, s *space.Spaces) error {
		sp, err := s.Open(t, p, f.handle)
		if err == nil {
			err = do(t, sp)
		}
		if err == nil {
			f.Changed++
		}
		if undecided(err) {
			if f.storm.Parted() || !errors.Is(err, past.ErrNotFound) || f.mayBeLost() {
				return done(err)
			}
			return fmt.Errorf("S2: something of the space is not there: %w", err)
		}
		return done(err)
	})
}

// store puts a content under a name.
func (f *Folder) store(t *task.T, sp *space.Space, name, content string, c space.Cond) (*tree.Version, error) {
	u := sp.Begin(space.Storing{Copies: Copies})
	err := u.Write(t, []byte(content))
	if err != nil {
		return nil, err
	}
	whole, err := u.Finish(t)
	if err != nil {
		u.Discard()
		return nil, err
	}
	v, fates, err := sp.Put(t, name, space.File{Content: whole, Copies: Copies, Seen: u.Seen()}, c)
	u.Settle(fates.Content)
	return v, err
}

// Step does something in the folder.
func (f *Folder) Step() {
	if !f.made {
		return
	}
	f.count++
	switch n := f.rng.IntN(10); {
	case n < 3:
		f.put()
	case n == 3:
		f.again()
	case n == 4:
		f.claim()
	default:
		i := slices.IndexFunc(f.files, func(x *file) bool { return !x.busy && !x.gone })
		if i < 0 {
			f.put()
			return
		}
		some := f.files[i:]
		x := some[f.rng.IntN(len(some))]
		switch {
		case x.busy || x.gone:
			f.put()
		case n < 7:
			f.move(x)
		case n < 9:
			f.copy(x)
		default:
			f.remove(x)
		}
	}
}

func (f *Folder) fresh() string { return fmt.Sprintf("%d/%d", f.count%3, f.count) }

func (f *Folder) put() {
	name, content := f.fresh(), fmt.Sprint("content ", f.count)
	f.in("put a file", func(t *task.T, sp *space.Space) error {
		_, err := f.store(t, sp, name, content, space.Cond{})
		return err
	}, func(err error) error {
		if err == nil {
			f.files = append(f.files, &file{content: content, names: []string{name}})
		}
		return known(err)
	})
}

// again puts a name that many put.
func (f *Folder) again() {
	name, content := fmt.Sprint("many ", f.rng.IntN(3)), fmt.Sprint("one of many ", f.count)
	f.in("put a file again", func(t *task.T, sp *space.Space) error {
		_, err := f.store(t, sp, name, content, space.Cond{})
		return err
	}, func(err error) error { return known(err) })
}

// claim puts a name that nobody has.
func (f *Folder) claim() {
	name, content := fmt.Sprint("claimed ", f.count/40), fmt.Sprint("claim ", f.count)
	f.in("claim a name", func(t *task.T, sp *space.Space) error {
		_, err := f.store(t, sp, name, content, space.Cond{Absent: true})
		return err
	}, func(err error) error {
		if err == nil {
			f.files = append(f.files, &file{content: content, names: []string{name}, busy: true})
			if f.claims[name]++; f.claims[name] > 1 {
				return fmt.Errorf("S6: %q was claimed by two who were told that nobody had it", name)
			}
		}
		return known(err, space.ErrChanged)
	})
}

// known is an error that should not be.
func known(err error, may ...error) error {
	if undecided(err) || slices.ContainsFunc(may, func(e error) bool { return errors.Is(err, e) }) {
		return nil
	}
	return err
}

// missing says whether a file whose only name has nothing may rightly be missing there: another part of the ring has it.
func (f *Folder) missing(x *file, err error) error {
	if errors.Is(err, space.ErrNotFound) && (f.storm.Parted() || len(x.names) > 1) {
		return nil
	}
	return known(err)
}

func (f *Folder) some(x *file) string { return x.names[f.rng.IntN(len(x.names))] }

func (f *Folder) move(x *file) {
	from, to := f.some(x), f.fresh()
	x.busy = true
	f.in("move a file", func(t *task.T, sp *space.Space) error { return sp.Rename(t, from, to, space.Cond{}) }, func(err error) error {
		x.busy = false
		switch {
		case err == nil && len(x.names) == 1:
			x.names = []string{to}
		case err == nil || undecided(err):
			x.names = append(x.names, to)
		}
		return f.missing(x, err)
	})
}

func (f *Folder) copy(x *file) {
	from, to := f.some(x), f.fresh()
	x.busy = true
	f.in("copy a file", func(t *task.T, sp *space.Space) error {
		_, err := sp.Copy(t, from, 0, to, nil, space.Cond{})
		return err
	}, func(err error) error {
		x.busy = false
		if err == nil {
			f.files = append(f.files, &file{content: x.content, names: []string{to}})
		}
		return f.missing(x, err)
	})
}

func (f *Folder) remove(x *file) {
	name := f.some(x)
	x.busy = true
	f.in("remove a file", func(t *task.T, sp *space.Space) error {
		_, err := sp.Remove(t, name, 0, space.Cond{})
		return err
	}, func(err error) error {
		x.busy = false
		if err == nil || undecided(err) {
			x.gone, x.sure = true, err == nil && len(x.names) == 1
		}
		return f.missing(x, err)
	})
}

// least is how many copies of an object must be lost at once for it to be lost: those that storage is content with in
// the beginning, or where parts of the ring go on for themselves a single one.
func (f *Folder) least() int {
	if f.storm.Parted() {
		return 1
	}
	return Copies/2 + 1
}

// lost is instead of a content of which all copies may have been lost.
const lost = "lost"

// mayBeLost reports whether something of the directory may be lost.
func (f *Folder) mayBeLost() bool { return f.storm.AnyLost(f.least()) }

// Judge reads everything from two nodes, when all is calm.
func (f *Folder) Judge() {
	if !f.made {
		return
	}
	for range 2 {
		p := f.people[f.rng.IntN(len(f.people))]
		f.storm.Run("read a space in calm", func(t *task.T, s *space.Spaces) error {
			if f.mayBeLost() {
				return nil
			}
			found, err := f.read(t, s, p)
			if err != nil {
				return err
			}
			return f.compare(found)
		})
	}
}

// read returns the contents of all versions of all names.
func (f *Folder) read(t *task.T, s *space.Spaces, p space.Person) (found map[string][]string, err error) {
	sp, err := s.Open(t, p, f.handle)
	if err != nil {
		return nil, fmt.Errorf("S2: open the space: %w", err)
	}
	if err := sp.Look(t, func(sn space.Snapshot) error {
		found = make(map[string][]string)
		var es []*tree.Entry
		if err := sn.Scan("", func(e *tree.Entry) (string, bool) { es = append(es, e); return "", true }); err != nil {
			return fmt.Errorf("S2: the directory: %w", err)
		}
		for _, e := range es {
			for _, v := range e.Versions {
				if v.Removed {
					continue
				}
				b, err := s.ReadAt(t, v.Content, 0, int(v.Size()))
				if errors.Is(err, past.ErrNotFound) && f.storm.MayBeLost(v.Content.Ref.Object, f.least()) {
					found[e.Name] = append(found[e.Name], lost)
					continue
				}
				if err != nil {
					return fmt.Errorf("S2: %q, version %d, is without its content: %w", e.Name, v.Number, err)
				}
				found[e.Name] = append(found[e.Name], string(b))
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if sp.Apart() > 0 {
		return nil, fmt.Errorf("S6: the space is apart from %d when all are there", sp.Apart())
	}
	return found, nil
}

// compare compares what is there with what was acknowledged.
func (f *Folder) compare(found map[string][]string) (err error) {
	for _, x := range f.files {
		at := slices.ContainsFunc(x.names, func(n string) bool { return slices.Contains(found[n], x.content) || slices.Contains(found[n], lost) })
		switch {
		case !at && !x.gone:
			err = errors.Join(err, fmt.Errorf("S2: %q is under none of %q, nor was it removed", x.content, x.names))
		case at && x.sure && !f.storm.Parted():
			err = errors.Join(err, fmt.Errorf("S8: %q was removed from %q and is there", x.content, x.names))
		case at:
			f.Kept++
		}
	}
	return err
}

// Longest is longer than anything that is done in a folder takes on a slow node.
const Longest = 8 * time.Minute
