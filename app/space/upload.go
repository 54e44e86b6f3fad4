package space

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/task"
)

// Storing says how content is stored.
type Storing struct {
	Copies  int       // 1 to MaxCopies; 0: Copies
	Expires time.Time // zero: it lives until it is reclaimed
	// Archive keeps it in fragments, of which any few make the whole (package archive), if the
	// ring has enough nodes for these, and else in copies.
	Archive bool

	code piece.Code // what Archive comes to
}

// copies is how many copies are wanted, or fragments.
func (o Storing) copies() int {
	switch {
	case !o.code.IsZero():
		return int(o.code.Total)
	case o.Copies == 0:
		return Copies
	}
	return o.Copies
}

// cost is how many bytes a content of n bytes is on its way into storage at once.
func (o Storing) cost(n int) int {
	if o.code.IsZero() {
		return n
	}
	return n * int(o.code.Total) / int(o.code.Need)
}

// Upload is content on its way into a space. Nothing of it is seen until Put gives it a name.
// Its methods are for one task at a time.
type Upload struct {
	sp     *Space
	o      Storing
	seen   uint64
	cutter *piece.Cutter
	buf    []byte
	looked int // bytes of buf in which no piece ends
	size   int64
	levels [][]*slot     // by height; what is not in a list yet, in order
	all    []piece.Ref   // that it stored
	spare  []piece.Ref   // lists of appended contents, for which there are new ones
	whole  piece.Content // of one that was resumed, or is held
	held   bool
	least  int // copies of the piece that has fewest
	failed error
	flying int // objects that are under way
	weight int // of these, in bytes
	wake   func()
	done   bool
}

// slot is the place of an object that is being stored.
type slot struct {
	ref  piece.Ref
	done bool
}

// Begin begins new content.
func (sp *Space) Begin(o Storing) *Upload {
	if o.Archive {
		o.code = sp.s.archives.Code()
	}
	u := &Upload{sp: sp, o: o, cutter: sp.long, seen: sp.Seen(), least: o.copies()}
	if o.Archive || sp.charter.Convergent {
		u.cutter = sp.cutter
	}
	sp.s.uploads = append(sp.s.uploads, u)
	return u
}

// Resume is an upload that was finished and held before, with what its Finish returned, maybe by a
// node that has been started anew since: it can be kept, or discarded. Nobody has counted its copies.
func (sp *Space) Resume(c piece.Content, o Storing, seen uint64) *Upload {
	o.code = c.Ref.Code
	return &Upload{sp: sp, o: o, seen: seen, size: c.Ref.Size, whole: c, held: true, done: true}
}

// Hold writes down that the content, which Finish has returned, waits for its name, however long that
// takes and however often the node starts: it goes on with Resume. The error is the disk's or task.ErrStopped.
func (u *Upload) Hold(t *task.T, c piece.Content) error {
	if st := u.sp.s.cfg.Store; st != nil {
		if _, err := task.Work(t, work, func() (struct{}, error) { return struct{}{}, notes.Hold(st, c) }); err != nil {
			return err
		}
	}
	u.whole, u.held, u.all = c, true, nil
	u.Leave()
	return nil
}

// Leave says that nobody knows whether the content has got a name. It is not given back before
// that is known.
func (u *Upload) Leave() {
	s := u.sp.s
	s.uploads = slices.DeleteFunc(s.uploads, func(x *Upload) bool { return x == u })
}

// end says that the content has its name, or has none: it does not wait any more.
func (u *Upload) end() {
	u.Leave()
	if st, c := u.sp.s.cfg.Store, u.whole; u.held && st != nil {
		u.sp.s.ep.Go(func(t *task.T) error {
			_, err := task.Work(t, work, func() (struct{}, error) { return struct{}{}, notes.Release(st, c) })
			return err
		}, nil)
	}
	u.all, u.spare, u.whole, u.held, u.done = nil, nil, piece.Content{}, false, true
}

// Size is how many bytes were written.
func (u *Upload) Size() int64 { return u.size }

// Copies is how many copies there are at least of all that was stored so far, of those wanted; or
// how many fragments, if it is archived.
func (u *Upload) Copies() (have, want int) { return u.least, u.o.copies() }

// Seen is what Space.Seen was when it began.
func (u *Upload) Seen() uint64 { return u.seen }

// Write appends bytes, which it keeps no reference to. It returns when so much of them is
// stored that more can be taken. Errors are final: ErrReadOnly, ErrFull and others of
// storage, task.ErrStopped.
func (u *Upload) Write(t *task.T, b []byte) error {
	switch {
	case u.done:
		return errors.New("space: written to what is finished") // a bug of the caller
	case u.sp.signer == nil:
		return ErrReadOnly
	case u.size+int64(len(b)) > piece.MaxSize:
		return fmt.Errorf("a file of more than %d bytes: %w", int64(piece.MaxSize), ErrFull)
	}
	u.size += int64(len(b))
	if room := cap(u.buf) - len(u.buf); len(u.buf) > 0 && room < len(b) { // there may be much more
		u.buf = append(make([]byte, 0, u.cutter.Max()+len(b)), u.buf...)
	}
	u.buf = append(u.buf, b...)
	return u.cut(t, false)
}

// cut stores the pieces that are complete.
func (u *Upload) cut(t *task.T, end bool) error {
	for u.failed == nil {
		n := u.cutter.Cut(u.buf, u.looked, end)
		if n == 0 {
			u.looked = len(u.buf)
			break
		}
		p := u.buf[:n:n]
		u.buf, u.looked = u.buf[n:], 0
		if err := u.send(t, 0, kindPiece, p, int64(n)); err != nil {
			return err
		}
	}
	if len(u.buf) == 0 {
		u.buf = nil // the pieces that are under way have it
	}
	return u.failed
}

// send stores an object of a level, once there is room for it among those under way.
func (u *Upload) send(t *task.T, level int, kind string, b []byte, size int64) error {
	weight := u.o.cost(len(b))
	if err := u.wait(t, u.sp.s.cfg.Window-1, u.sp.s.cfg.WindowSize-weight); err != nil {
		return err
	}
	for len(u.levels) <= level {
		u.levels = append(u.levels, nil)
	}
	s := new(slot)
	u.levels[level] = append(u.levels[level], s)
	u.flying, u.weight = u.flying+1, u.weight+weight
	u.sp.s.ep.Go(func(t *task.T) error {
		ref, copies, err := u.sp.store(t, kind, b, size, u.o)
		refs := []piece.Ref{ref}
		if errors.Is(err, past.ErrFull) && len(b) > u.sp.s.cfg.Piece {
			refs, copies, err = u.shorter(t, kind, b)
		}
		u.flying, u.weight = u.flying-1, u.weight-weight
		u.stored(level, s, refs, copies, err)
		return nil
	}, nil)
	return u.lists(t, false)
}

// shorter stores a long piece, for which there was no room anywhere, in shorter ones.
func (u *Upload) shorter(t *task.T, kind string, b []byte) (refs []piece.Ref, copies int, err error) {
	copies = u.o.copies()
	for p := range slices.Chunk(b, u.sp.s.cfg.Piece) {
		ref, n, err := u.sp.store(t, kind, p, int64(len(p)), u.o)
		if err != nil {
			u.sp.give(refs)
			return nil, 0, err
		}
		refs, copies = append(refs, ref), min(copies, n)
	}
	return refs, copies, nil
}

// stored takes note of an object, or of those that take its place.
func (u *Upload) stored(level int, s *slot, refs []piece.Ref, copies int, err error) {
	switch {
	case err != nil:
		u.failed = cause.Join(u.failed, err)
	case u.done: // it was given up meanwhile
		u.sp.give(refs)
	default:
		there := make([]*slot, len(refs))
		for i, r := range refs {
			there[i] = &slot{ref: r, done: true}
		}
		at := slices.Index(u.levels[level], s)
		u.levels[level] = slices.Replace(u.levels[level], at, at+1, there...)
		u.all = append(u.all, refs...)
		u.least = min(u.least, copies)
	}
	if wake := u.wake; wake != nil {
		u.wake = nil
		wake()
	}
}

// wait waits until no more than n objects of no more than size bytes together are under way,
// or none.
func (u *Upload) wait(t *task.T, n, size int) error {
	for u.flying > 0 && (u.flying > n || u.weight > size) && u.failed == nil {
		if _, err := task.Await(t, work, func(resolve func(struct{}, error)) {
			u.wake = func() { resolve(struct{}{}, nil) }
		}); err != nil {
			return err
		}
	}
	return u.failed
}

// lists stores the lists that are complete, or at the end all that are needed.
func (u *Upload) lists(t *task.T, end bool) error {
	for level := 0; level < len(u.levels); level++ {
		for {
			n := 0
			for n < len(u.levels[level]) && n < piece.Fan && u.levels[level][n].done {
				n++
			}
			top := level == len(u.levels)-1
			if n < piece.Fan && (!end || n == 0 || n == 1 && top) {
				break
			}
			refs := make([]piece.Ref, n)
			for i, s := range u.levels[level][:n] {
				refs[i] = s.ref
			}
			u.levels[level] = u.levels[level][n:]
			b, size := piece.NewList(refs)
			if err := u.send(t, level+1, kindList, b, size); err != nil {
				return err
			}
			if end {
				if err := u.wait(t, 0, 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Finish stores what is left and returns the content, to be given to Put. Errors are
// those of Write.
func (u *Upload) Finish(t *task.T) (piece.Content, error) {
	if err := u.cut(t, true); err != nil {
		return piece.Content{}, err
	}
	if err := u.wait(t, 0, 0); err != nil {
		return piece.Content{}, err
	}
	if err := u.lists(t, true); err != nil {
		return piece.Content{}, err
	}
	u.done = true
	if u.size == 0 {
		return piece.Content{}, nil
	}
	top := len(u.levels) - 1
	return piece.Content{Ref: u.levels[top][0].ref, Height: uint8(top)}, nil
}

// Append appends content that is stored already, without moving it; its lists are made
// anew. It is as if Write had been called with all of it. From Keep on the content belongs to
// the upload, and until then to whom it belonged.
func (u *Upload) Append(t *task.T, c piece.Content) error {
	if err := u.cut(t, true); err != nil {
		return err
	}
	refs, lists, err := u.sp.s.leaves(t, c)
	if err != nil {
		return err
	}
	u.size += c.Ref.Size
	for _, r := range refs {
		if len(u.levels) == 0 {
			u.levels = append(u.levels, nil)
		}
		u.levels[0] = append(u.levels[0], &slot{ref: r, done: true})
		if err := u.lists(t, false); err != nil {
			return err
		}
	}
	u.spare = append(u.spare, lists...)
	return nil
}

// Discard gives the content up, and back. It does nothing after it was put.
func (u *Upload) Discard() {
	if !u.sp.charter.Convergent {
		u.sp.give(u.all)
		u.sp.giveContent(u.whole)
	}
	u.end()
}

// Keep says that the content has a name now: Discard leaves it alone.
func (u *Upload) Keep() {
	if !u.sp.charter.Convergent {
		u.sp.give(u.spare)
	}
	u.end()
}

// Settle says what became of the content: Keep, Leave or Discard.
func (u *Upload) Settle(f Fate) {
	switch f {
	case Used:
		u.Keep()
	case Unsure:
		u.Leave()
	default:
		u.Discard()
	}
}
