package spaces

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// userSpace is one space of a user's. It implements files.Space.
type userSpace struct {
	of   userSpaces
	info files.Info
}

var _ files.Space = (*userSpace)(nil)

// inSpace runs f as a task with the space.
func inSpace[V any](ctx context.Context, s *userSpace, f func(*task.T, *Here, *space.Space) (V, error)) (V, error) {
	return asUser(ctx, s.of, func(t *task.T, h *Here, p space.Person) (V, error) {
		sp, err := h.named(t, p, s.info.Name)
		if err != nil {
			return *new(V), err
		}
		return f(t, h, sp)
	})
}

// looking runs f as a task with the space as it is now.
func looking[V any](ctx context.Context, s *userSpace, f func(*task.T, *Here, space.Snapshot) (V, error)) (V, error) {
	return inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (v V, err error) {
		err = sp.Look(t, func(sn space.Snapshot) (err error) {
			v, err = f(t, h, sn)
			return err
		})
		return v, err
	})
}

// Info implements files.Space.
func (s *userSpace) Info(context.Context) (files.Info, error) { return s.info, nil }

// History implements files.Space.
func (s *userSpace) History(ctx context.Context) (bool, error) {
	return looking(ctx, s, func(_ *task.T, _ *Here, sn space.Snapshot) (bool, error) { return sn.History(), nil })
}

// SetHistory implements files.Space.
func (s *userSpace) SetHistory(ctx context.Context, on bool) error {
	_, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (loop.Nothing, error) {
		return loop.Nothing{}, sp.SetHistory(t, on)
	})
	return err
}

// Stat implements files.Space.
func (s *userSpace) Stat(ctx context.Context, name, version string) (files.Entry, error) {
	return looking(ctx, s, func(t *task.T, h *Here, sn space.Snapshot) (files.Entry, error) {
		v, err := sn.Version(name, number(version))
		if v == nil && version == "" && strings.HasSuffix(name, "/") && errors.Is(err, space.ErrNotFound) {
			implied, err := implied(sn, name)
			return files.Entry{Name: name, Modified: s.info.Made, Latest: true}, cmp.Or(err, found(implied))
		}
		if v == nil {
			return files.Entry{}, err
		}
		e, bad := h.entry(t, name, v)
		if bad != nil {
			return files.Entry{}, bad
		}
		now, bad := sn.Version(name, 0)
		e.Latest = now != nil && now.Number == v.Number && (bad == nil || errors.Is(bad, space.ErrNotFound))
		return e, err
	})
}

func found(yes bool) error {
	if yes {
		return nil
	}
	return space.ErrNotFound
}

// implied reports whether something is below a folder.
func implied(sn space.Snapshot, folder string) (yes bool, err error) {
	err = sn.Scan(folder, func(e *tree.Entry) (string, bool) {
		if !strings.HasPrefix(e.Name, folder) {
			return "", false
		}
		yes = sn.Alive(e.Current())
		return "", !yes
	})
	return yes, err
}

// number is the number of a version that a door names; one that there is not for what is no
// number.
func number(version string) uint64 {
	if version == "" {
		return 0
	}
	n, err := strconv.ParseUint(version, 36, 64)
	if err != nil || n == 0 || text(n) != version {
		return 1<<64 - 1
	}
	return n
}

func text(number uint64) string { return strconv.FormatUint(number, 36) }

func cond(c files.Cond) space.Cond { return space.Cond{Absent: c.Absent, Version: number(c.Version)} }

// entry is a version as doors know it.
func (h *Here) entry(t *task.T, name string, v *tree.Version) (files.Entry, error) {
	e := files.Entry{Name: name, Version: text(v.Number), Size: v.Size(), Modified: time.UnixMilli(v.Time), Removed: v.Removed}
	if e.Size > 0 {
		e.Kept = files.Kept{Total: int(v.Copies), Need: int(v.Content.Ref.Code.Need)}
	}
	pairs := v.Meta
	if v.More != nil {
		b, err := h.spaces.ReadAt(t, *v.More, 0, int(v.More.Ref.Size))
		if err != nil {
			return e, err
		}
		var more moreMeta
		if err := wire.Unmarshal(b, &more); err != nil {
			return e, errors.Join(space.ErrDamaged, err)
		}
		pairs = append(slices.Clone(pairs), more.Pairs...)
	}
	e.Attrs = attrs(pairs)
	return e, nil
}

// Keys of the meta data in which a door's attributes are kept. A key of a door's own begins
// with metaOwn.
const (
	metaType = "type"
	metaTag  = "etag"
	metaOwn  = "own:"
)

func attrs(pairs []tree.Pair) (a files.Attrs) {
	for _, p := range pairs {
		switch own, isOwn := strings.CutPrefix(p.Key, metaOwn); {
		case p.Key == metaType:
			a.Type = p.Value
		case p.Key == metaTag:
			a.ETag = p.Value
		case isOwn:
			if a.Meta == nil {
				a.Meta = make(map[string]string)
			}
			a.Meta[own] = p.Value
		}
	}
	return a
}

// moreMeta is meta data that is too long for the directory.
type moreMeta struct {
	Pairs []tree.Pair `cbor:"1,keyasint"`
}

// meta is how attributes are kept: what is too long beside the directory, in which once has its
// place, too.
func meta(t *task.T, sp *space.Space, a files.Attrs, once string) (m space.Meta, more *space.Upload, err error) {
	if err := files.CheckAttrs(a); err != nil {
		return m, nil, err
	}
	if a.ETag != "" {
		m.Pairs = append(m.Pairs, tree.Pair{Key: metaTag, Value: a.ETag})
	}
	for _, k := range slices.Sorted(maps.Keys(a.Meta)) {
		m.Pairs = append(m.Pairs, tree.Pair{Key: metaOwn + k, Value: a.Meta[k]})
	}
	if a.Type != "" {
		m.Pairs = append(m.Pairs, tree.Pair{Key: metaType, Value: a.Type})
	}
	size := onceRoom
	for _, p := range m.Pairs {
		size += len(p.Key) + len(p.Value)
	}
	if once == "" {
		size -= onceRoom
	}
	if size <= tree.MaxMeta {
		if tree.CheckMeta(m.Pairs) != nil {
			return m, nil, files.ErrMeta
		}
		return m, nil, nil
	}
	more = sp.Begin(space.Storing{})
	if err := more.Write(t, wire.MustMarshal(&moreMeta{m.Pairs})); err != nil {
		return m, more, err
	}
	c, err := more.Finish(t)
	return space.Meta{More: &c}, more, err
}

// onceRoom is what files.Cond.Once takes of a version's meta data, with its key.
const onceRoom = 80

// Put implements files.Space.
func (s *userSpace) Put(ctx context.Context, name string, content []files.Draft, a files.Attrs, c files.Cond) (files.Entry, error) {
	if err := files.CheckName(name); err != nil {
		return files.Entry{}, err
	}
	drafts := make([]*draft, len(content))
	for i, d := range content {
		drafts[i] = d.(*draft)
		if err := drafts[i].finish(); err != nil {
			return files.Entry{}, err
		}
	}
	return inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (files.Entry, error) {
		for _, d := range drafts {
			d.putting = true
		}
		p := putting{drafts: drafts}
		v, err := p.put(t, sp, name, a, c)
		p.settle()
		if err != nil {
			return files.Entry{}, err
		}
		if p.again {
			return h.earlier(t, sp, name, v)
		}
		s.of.n.Changed()
		return h.latest(t, name, v, nil)
	})
}

// earlier is the entry of a version that was there before.
func (h *Here) earlier(t *task.T, sp *space.Space, name string, v *tree.Version) (files.Entry, error) {
	e, err := h.entry(t, name, v)
	if err != nil {
		return files.Entry{}, err
	}
	err = sp.Look(t, func(sn space.Snapshot) error {
		now, err := sn.Version(name, 0)
		if errors.Is(err, space.ErrNotFound) {
			err = nil
		}
		e.Latest = now != nil && now.Number == v.Number
		return err
	})
	return e, err
}

// putting is a Put that goes on. It is the loop's.
type putting struct {
	drafts      []*draft
	whole, more *space.Upload // that were begun for it, of all drafts together and of the meta data, or nil
	fates       space.Fates   // of the whole, or of the one draft that has all, and of more
	again       bool          // it was made before
}

// put makes the change.
func (p *putting) put(t *task.T, sp *space.Space, name string, a files.Attrs, c files.Cond) (*tree.Version, error) {
	m, more, err := meta(t, sp, a, c.Once)
	if p.more = more; err != nil {
		return nil, err
	}
	f := space.File{Meta: m.Pairs, More: m.More, Copies: space.Copies, Seen: sp.Seen(), Once: c.Once}
	if p.whole, err = joined(t, sp, p.drafts, &f); err != nil {
		return nil, err
	}
	v, fates, err := sp.Put(t, name, f, cond(c))
	p.fates, p.again = fates, err == nil && fates.Content == space.Unused
	return v, err
}

// settle says to all content what became of the change.
func (p *putting) settle() {
	for _, d := range p.drafts {
		d.settle(p.fates.Content)
	}
	if p.whole != nil {
		p.whole.Settle(p.fates.Content)
	}
	if p.more != nil {
		p.more.Settle(p.fates.More)
	}
}

// joined makes one content of those of drafts. If there are several it is an upload of
// its own, an archive if all of them are: where one had too small a ring for that, the whole is no
// safer than that one.
func joined(t *task.T, sp *space.Space, drafts []*draft, f *space.File) (*space.Upload, error) {
	var whole []piece.Content
	for _, d := range drafts {
		f.Seen, f.Expires = min(f.Seen, d.seen), d.how.Expires
		_, f.Copies = d.copies()
		if d.content.Ref.Size > 0 {
			whole = append(whole, d.content)
		}
	}
	switch len(whole) {
	case 0:
		return nil, nil
	case 1:
		f.Content = whole[0]
		return nil, nil
	}
	u := sp.Begin(space.Storing{Archive: !slices.ContainsFunc(whole, func(c piece.Content) bool { return c.Ref.Code.IsZero() })})
	_, f.Copies = u.Copies()
	for _, c := range whole {
		if err := u.Append(t, c); err != nil {
			return u, err
		}
	}
	var err error
	f.Content, err = u.Finish(t)
	return u, err
}

// Copy implements files.Space.
func (s *userSpace) Copy(ctx context.Context, from files.Ref, to string, a *files.Attrs, c files.Cond) (files.Entry, error) {
	if err := files.CheckName(to); err != nil {
		return files.Entry{}, err
	}
	if from.Space != "" && from.Space != s.info.Name {
		return s.copyFrom(ctx, from, to, a, c)
	}
	return inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (files.Entry, error) {
		var m *space.Meta
		var more *space.Upload
		if a != nil {
			kept, up, err := meta(t, sp, *a, "")
			if err != nil {
				if up != nil {
					up.Discard()
				}
				return files.Entry{}, err
			}
			m, more = &kept, up
		}
		v, err := sp.Copy(t, from.Name, number(from.Version), to, m, cond(c))
		if more != nil {
			more.Settle(space.FateOf(err))
		}
		return h.latest(t, to, v, err)
	})
}

// latest is the entry of a version that was made just now.
func (h *Here) latest(t *task.T, name string, v *tree.Version, err error) (files.Entry, error) {
	if err != nil {
		return files.Entry{}, err
	}
	e, err := h.entry(t, name, v)
	e.Latest = true
	return e, err
}

// Rename implements files.Space.
func (s *userSpace) Rename(ctx context.Context, from, to string, c files.Cond) error {
	if err := files.CheckName(to); err != nil {
		return err
	}
	_, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (loop.Nothing, error) {
		return loop.Nothing{}, sp.Rename(t, from, to, cond(c))
	})
	return err
}

// Remove implements files.Space.
func (s *userSpace) Remove(ctx context.Context, name, version string, c files.Cond) (files.Entry, error) {
	return inSpace(ctx, s, func(t *task.T, h *Here, sp *space.Space) (files.Entry, error) {
		v, err := sp.Remove(t, name, number(version), cond(c))
		if err != nil {
			return files.Entry{}, err
		}
		e, err := h.entry(t, name, v)
		e.Latest = v.Removed
		return e, err
	})
}

// RemoveAll implements files.Space.
func (s *userSpace) RemoveAll(ctx context.Context, folder string) error {
	if !strings.HasSuffix(folder, "/") {
		return files.ErrNotFound
	}
	_, err := inSpace(ctx, s, func(t *task.T, _ *Here, sp *space.Space) (loop.Nothing, error) {
		return loop.Nothing{}, sp.RemoveAll(t, folder, false)
	})
	return err
}
