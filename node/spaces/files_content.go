package spaces

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// gather is how many bytes a draft takes before it goes to the node's loop with them.
	gather = 512 << 10
	// A reader asks for about firstRead bytes at first, for those who want no more, then for
	// twice as many each time, up to space.MaxRead; and while these are taken for the next.
	firstRead = 1 << 20
)

// draft is content on its way into a space. It implements files.Draft.
type draft struct {
	ctx     context.Context
	h       *Here
	up      *space.Upload
	how     space.Storing
	seen    uint64
	buf     []byte
	size    int64
	err     error // final
	done    bool
	content piece.Content // once it is done

	// What follows is the loop's.
	putting bool // it is being given a name
	given   bool // it was given up meanwhile
	settled bool // it is used, or nobody knows whether it is
}

// Draft implements files.Space.
func (s *userSpace) Draft(ctx context.Context, _ int64, how files.Class) (files.Draft, error) {
	d, err := s.begin(ctx, space.Storing{Archive: how == files.InParts})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// begin begins a draft.
func (s *userSpace) begin(ctx context.Context, how space.Storing) (*draft, error) {
	return inSpace(ctx, s, func(_ *task.T, h *Here, sp *space.Space) (*draft, error) {
		if !sp.Writes() {
			return nil, space.ErrReadOnly
		}
		u := sp.Begin(how)
		return &draft{ctx: ctx, h: h, up: u, how: how, seen: u.Seen()}, nil
	})
}

var errUsed = errors.New("the draft is used up: begin another")

// Write implements io.Writer.
func (d *draft) Write(p []byte) (n int, err error) {
	if d.done {
		return 0, errUsed
	}
	for len(p) > 0 && d.err == nil {
		m := min(len(p), gather-len(d.buf))
		if len(d.buf) > 0 && cap(d.buf) < gather { // more than one write: there may be many
			d.buf = append(make([]byte, 0, gather), d.buf...)
		}
		d.buf, p, n = append(d.buf, p[:m]...), p[m:], n+m
		if len(d.buf) == gather {
			d.flush()
		}
	}
	d.size += int64(n)
	return n, d.err
}

// flush hands over what was written. The buffer belongs to the task then, which may go on when
// the context has ended.
func (d *draft) flush() {
	b := d.buf
	d.buf = nil
	if len(b) == 0 || d.err != nil {
		return
	}
	_, err := loop.Run(d.ctx, d.h.loop, func(t *task.T) (loop.Nothing, error) { return loop.Nothing{}, d.up.Write(t, b) })
	d.err = ForDoors(err)
}

// finish stores all of it. It may be called again.
func (d *draft) finish() error {
	if d.flush(); d.done || d.err != nil {
		return d.err
	}
	var err error
	d.content, err = loop.Run(d.ctx, d.h.loop, func(t *task.T) (piece.Content, error) { return d.up.Finish(t) })
	d.err, d.done = ForDoors(err), true
	return d.err
}

// copies is how many copies there are of the piece that has fewest, and how many are wanted;
// after finish.
func (d *draft) copies() (have, want int) { return d.up.Copies() }

// settle says, on the loop, what became of the change that it was put with. If nothing has the content the draft is as it was.
func (d *draft) settle(f space.Fate) {
	d.putting = false
	if d.settled || f == space.Unused && !d.given {
		return
	}
	d.settled = f != space.Unused
	d.up.Settle(f)
}

// giveUp is Discard, on the loop.
func (d *draft) giveUp() {
	d.given = true
	if !d.putting && !d.settled {
		d.up.Discard()
	}
}

// Size implements files.Draft.
func (d *draft) Size() int64 { return d.size }

// Discard implements files.Draft.
func (d *draft) Discard() {
	d.buf, d.done = nil, true
	// A node that has stopped meanwhile gives nothing back.
	_ = d.h.loop.Call(context.WithoutCancel(d.ctx), d.giveUp)
}

// savedDraft is what Save returns.
type savedDraft struct {
	Content piece.Content `cbor:"1,keyasint"`
	Copies  int           `cbor:"2,keyasint,omitempty"`
	Expires time.Time     `cbor:"3,keyasint,omitzero"`
	Seen    uint64        `cbor:"4,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (s *savedDraft) Check() error { return s.Content.Check() }

// Save implements files.Draft. The content is in storage, under keys of its own; who has them has
// all of it.
func (d *draft) Save() ([]byte, error) {
	if err := d.finish(); err != nil {
		return nil, err
	}
	if _, err := loop.Run(d.ctx, d.h.loop, func(t *task.T) (loop.Nothing, error) { return loop.Nothing{}, d.up.Hold(t, d.content) }); err != nil {
		return nil, ForDoors(err)
	}
	return wire.Marshal(&savedDraft{d.content, d.how.Copies, d.how.Expires, d.seen})
}

// Saved is the content of a draft that was saved.
func Saved(saved []byte) (piece.Content, error) {
	var was savedDraft
	err := wire.Unmarshal(saved, &was)
	return was.Content, err
}

// Saved implements files.Space.
func (s *userSpace) Saved(ctx context.Context, saved []byte) (files.Draft, error) {
	var was savedDraft
	if err := wire.Unmarshal(saved, &was); err != nil {
		return nil, fmt.Errorf("%w: %w", files.ErrNotFound, err)
	}
	how := space.Storing{Copies: was.Copies, Expires: was.Expires}
	d, err := inSpace(ctx, s, func(_ *task.T, h *Here, sp *space.Space) (*draft, error) {
		return &draft{ctx: ctx, h: h, up: sp.Resume(was.Content, how, was.Seen), how: how, seen: was.Seen, size: was.Content.Ref.Size,
			done: true, content: was.Content}, nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// reader reads a content from a place on. It implements io.ReadCloser.
type reader struct {
	ctx     context.Context
	stop    context.CancelFunc
	h       *Here
	content piece.Content
	at, end int64 // what is not asked for yet
	window  int
	ahead   chan ahead // what is asked for; nil: nothing
	buf     []byte
	err     error // final
	release func()
}

// ahead is the answer to a reader, from its place on.
type ahead struct {
	b   []byte
	err error
}

// Read implements files.Space.
func (s *userSpace) Read(ctx context.Context, name, version string, offset, length int64) (io.ReadCloser, error) {
	r, err := looking(ctx, s, func(_ *task.T, h *Here, sn space.Snapshot) (*reader, error) {
		v, err := sn.Version(name, number(version))
		if err != nil {
			return nil, err
		}
		return h.reader(ctx, v.Content, offset, length), nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// reader makes a reader, on the loop. Its content stays until it is closed.
func (h *Here) reader(ctx context.Context, c piece.Content, offset, length int64) *reader {
	end := c.Ref.Size
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	ctx, stop := context.WithCancel(ctx)
	return &reader{ctx: ctx, stop: stop, h: h, content: c, at: offset, end: end, window: firstRead, release: h.spaces.Hold(c)}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// fill waits for more, if there is nothing in hand, and asks for what follows; io.EOF: there is
// nothing.
func (r *reader) fill() error {
	if len(r.buf) > 0 || r.err != nil {
		return r.err
	}
	if r.ask(); r.ahead == nil {
		r.err = io.EOF
		return r.err
	}
	got := <-r.ahead
	r.ahead = nil
	if r.err = ForDoors(got.err); r.err != nil {
		return r.err
	}
	r.buf, r.at = got.b, r.at+int64(len(got.b))
	r.ask()
	return nil
}

// ask asks for what follows, if there is something and it is not asked for.
func (r *reader) ask() {
	if r.ahead != nil || r.at >= r.end {
		return
	}
	c, at, end, n := r.content, r.at, r.end, r.window
	r.window = min(2*n, space.MaxRead)
	answer := make(chan ahead, 1)
	r.ahead = answer
	go func() {
		b, err := loop.Run(r.ctx, r.h.loop, func(t *task.T) ([]byte, error) { return r.h.spaces.ReadOn(t, c, at, end, n) })
		answer <- ahead{b, err}
	}()
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.stop()
	if release := r.release; release != nil {
		r.release = nil
		// A node that has stopped meanwhile holds nothing.
		_ = r.h.loop.Call(context.WithoutCancel(r.ctx), release)
	}
	return nil
}

// copyFrom copies from another space. The two have no keys in common, so the content is read
// and stored again.
func (s *userSpace) copyFrom(ctx context.Context, from files.Ref, to string, a *files.Attrs, c files.Cond) (files.Entry, error) {
	source, err := s.of.Space(ctx, from.Space)
	if err != nil {
		return files.Entry{}, err
	}
	e, err := source.Stat(ctx, from.Name, from.Version)
	if err != nil {
		return files.Entry{}, err
	}
	if e.Folder() != strings.HasSuffix(to, "/") {
		return files.Entry{}, files.ErrClash
	}
	if a == nil {
		a = &e.Attrs
	}
	if e.Folder() {
		return s.Put(ctx, to, nil, *a, c)
	}
	r, err := source.Read(ctx, from.Name, e.Version, 0, -1)
	if err != nil {
		return files.Entry{}, err
	}
	defer r.Close()
	d, err := s.begin(ctx, space.Storing{Archive: e.Kept.Class() == files.InParts})
	if err != nil {
		return files.Entry{}, err
	}
	defer d.Discard()
	if _, err := io.Copy(d, r); err != nil {
		return files.Entry{}, err
	}
	return s.Put(ctx, to, []files.Draft{d}, *a, c)
}
