package fakenode

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing/iotest"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/files"
)

// me is whose spaces these are.
func (n *Node) me(user string) string {
	if user == "" && len(n.users) > 0 {
		return n.users[0].Name
	}
	return cmp.Or(user, "ann")
}

// space opens a space; that of HomeSpace is made if need be.
func (n *Node) space(ctx context.Context, name string) (files.Space, string, error) {
	name = cmp.Or(name, api.HomeSpace)
	s, err := n.spaces.Space(ctx, name)
	if errors.Is(err, files.ErrNoSpace) && name == api.HomeSpace {
		if err = n.makeSpace(ctx, name); err == nil {
			s, err = n.spaces.Space(ctx, name)
		}
	}
	if errors.Is(err, files.ErrNoSpace) {
		err = api.Errorf(api.NotFound, "you have no space called %+q: `phyllo space list` lists yours, `phyllo space create %s` makes one", name, name)
	}
	return s, name, err
}

func (n *Node) makeSpace(ctx context.Context, name string) error {
	err := n.spaces.Create(ctx, name)
	if errors.Is(err, files.ErrExists) {
		return api.Errorf(api.Failed, "you have a space called %s already: `phyllo space list` lists yours", name)
	}
	if err != nil {
		return api.Wrap(api.Usage, err)
	}
	s, err := n.spaces.Space(ctx, name)
	if err != nil {
		return err
	}
	return s.SetHistory(ctx, true)
}

func (n *Node) missing(err error, q api.FileName, space string) error {
	name := q.Name
	if q.Version != "" && errors.Is(err, files.ErrNotFound) {
		return api.Errorf(api.NotFound, "there is no version %+q of a file %+q in the space %s: `phyllo history NAME` lists those that there are", q.Version, name, space)
	}
	if errors.Is(err, files.ErrNotFound) {
		return api.Errorf(api.NotFound, "there is no file %+q in the space %s: `phyllo ls` lists those that there are", name, space)
	}
	return err
}

func (n *Node) shown(e files.Entry, space string) api.File {
	f := api.File{Space: space, Name: e.Name, Version: e.Version, Size: e.Size, Modified: Begin, By: n.me(""), Wanted: cmp.Or(e.Kept.Total, api.FileCopies),
		Need: e.Kept.Need, Removed: e.Removed}
	if strings.HasPrefix(e.Name, "brief") {
		f.Expires = Begin.AddDate(0, 0, 30)
	}
	return f
}

// FilePut implements api.Node. Names that begin with "far" cannot be stored, those that begin
// with "small" are in a ring that is too small for archives, and those with "brief" end in 30 days.
func (n *Node) FilePut(ctx context.Context, q api.FilePut, content io.Reader) (*api.File, error) {
	if strings.HasPrefix(q.Name, "far") {
		return nil, api.Errorf(api.Unreachable, "too few copies of %+q could be made now: try again in a moment; `phyllo doctor` looks at this side", q.Name)
	}
	if err := files.CheckName(q.Name); err != nil {
		return nil, api.Wrap(api.Usage, err)
	}
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	how := files.InCopies
	if q.Archive && !strings.HasPrefix(q.Name, "small") {
		how = files.InParts
	}
	d, err := s.Draft(ctx, -1, how)
	if err != nil {
		return nil, err
	}
	defer d.Discard()
	if _, err := io.Copy(d, content); err != nil {
		return nil, err
	}
	e, err := s.Put(ctx, q.Name, []files.Draft{d}, files.Attrs{}, files.Cond{})
	if err != nil {
		return nil, err
	}
	f := n.shown(e, in)
	f.Expires, f.By = q.Expires, ""
	if f.Copies = f.Wanted; f.Need == 0 {
		f.Copies, f.Wanted = copies(q.Copies)
	}
	return &f, nil
}

const link = "phyllo://file/"

// FileGet implements api.Node.
func (n *Node) FileGet(ctx context.Context, q api.FileName) (*api.File, io.ReadCloser, error) {
	name, shared := strings.CutPrefix(q.Name, link)
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, nil, err
	}
	e, err := s.Stat(ctx, name, q.Version)
	if err != nil {
		return nil, nil, n.missing(err, q, in)
	}
	r, err := s.Read(ctx, name, q.Version, 0, -1)
	if err == nil && n.Unreadable != nil {
		r.Close()
		r = io.NopCloser(iotest.ErrReader(n.Unreadable))
	}
	f := n.shown(e, in)
	if shared {
		f = api.File{Name: cmp.Or(n.Called, path.Base(name)), Size: e.Size}
	}
	return &f, r, err
}

// counted is how many copies or parts of a file there are: the ring has five nodes, but of an archive no
// part is missing.
func counted(f api.File) int {
	if f.Need > 0 {
		return f.Wanted
	}
	have, _ := copies(f.Wanted)
	return have
}

// FileStat implements api.Node.
func (n *Node) FileStat(ctx context.Context, q api.FileName) (*api.File, error) {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	e, err := s.Stat(ctx, q.Name, q.Version)
	if err != nil {
		return nil, n.missing(err, q, in)
	}
	f := n.shown(e, in)
	f.Copies = counted(f)
	return &f, nil
}

// FileList implements api.Node. A page has two files or folders.
func (n *Node) FileList(ctx context.Context, q api.FileQuery) (*api.FilePage, error) {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	p, err := s.List(ctx, files.Query{Prefix: q.Prefix, Fold: q.Fold, After: q.After, Limit: 2})
	out := &api.FilePage{Folders: p.Folders, Next: p.Next}
	for _, e := range p.Entries {
		f := n.shown(e, in)
		if q.Count {
			f.Copies = counted(f)
		}
		out.Files = append(out.Files, f)
	}
	return out, err
}

// FileHistory implements api.Node.
func (n *Node) FileHistory(ctx context.Context, q api.FileName) (out []api.File, err error) {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	p, err := s.Versions(ctx, files.Query{Prefix: q.Name, Limit: files.MaxPage})
	for _, e := range p.Entries {
		if e.Name == q.Name {
			out = append(out, n.shown(e, in))
		}
	}
	if err == nil && len(out) == 0 {
		err = n.missing(files.ErrNotFound, q, in)
	}
	return out, err
}

// FileRemove implements api.Node.
func (n *Node) FileRemove(ctx context.Context, q api.FileName) error {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return err
	}
	if strings.HasSuffix(q.Name, "/") {
		return n.missing(s.RemoveAll(ctx, q.Name), q, in)
	}
	list, err := n.FileHistory(ctx, q)
	if err != nil {
		return err
	}
	for _, f := range list {
		if q.Version == "" || q.Version == f.Version {
			if _, err := s.Remove(ctx, q.Name, f.Version, files.Cond{}); err != nil {
				return err
			}
			if q.Version != "" {
				return nil
			}
		}
	}
	if q.Version != "" {
		return n.missing(files.ErrNotFound, q, in)
	}
	return nil
}

// FileMove implements api.Node.
func (n *Node) FileMove(ctx context.Context, q api.FileMove) error {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return err
	}
	err = s.Rename(ctx, q.Name, q.To, files.Cond{Absent: !q.Replace})
	if errors.Is(err, files.ErrChanged) {
		return api.Errorf(api.Failed, "there is %+q in the space %s already: choose another name, or replace it with `phyllo mv --force`", q.To, in)
	}
	return n.missing(err, api.FileName{Name: q.Name}, in)
}

// FolderAdd implements api.Node.
func (n *Node) FolderAdd(ctx context.Context, q api.FileName) error {
	s, _, err := n.space(ctx, q.Space)
	if err == nil {
		_, err = s.Put(ctx, q.Name, nil, files.Attrs{}, files.Cond{})
	}
	return err
}

// FileShare implements api.Node.
func (n *Node) FileShare(ctx context.Context, q api.FileName) (*api.FileLink, error) {
	s, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	if _, err := s.Stat(ctx, q.Name, q.Version); err != nil {
		return nil, n.missing(err, q, in)
	}
	return &api.FileLink{Space: in, Name: q.Name, Link: link + q.Name}, nil
}

func (n *Node) shownSpace(name string) api.Space {
	me := n.me("")
	if n.foreign[name] {
		return api.Space{Name: name, Made: Begin, Owner: "bob", Members: []api.SpaceMember{{Name: "bob", Key: fingerprint("bob"), Writes: true}, {Name: me, Key: fingerprint(me)}}}
	}
	return api.Space{Name: name, Made: Begin, Owner: me, Writes: true,
		Members: append([]api.SpaceMember{{Name: me, Key: fingerprint(me), Writes: true}}, n.granted[name]...)}
}

// SpaceList implements api.Node.
func (n *Node) SpaceList(ctx context.Context, _ string) (out []api.Space, err error) {
	list, err := n.spaces.Spaces(ctx)
	for _, i := range list {
		out = append(out, n.shownSpace(i.Name))
	}
	return out, err
}

// SpaceCreate implements api.Node.
func (n *Node) SpaceCreate(ctx context.Context, q api.SpaceCreate) (*api.Space, error) {
	if err := n.makeSpace(ctx, q.Name); err != nil {
		return nil, err
	}
	s := n.shownSpace(q.Name)
	return &s, nil
}

// SpaceGrant implements api.Node.
func (n *Node) SpaceGrant(ctx context.Context, q api.SpaceGrant) (*api.SpaceLink, error) {
	_, in, err := n.space(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	if _, err := n.UserFind(ctx, q.Name); err != nil {
		return nil, err
	}
	n.granted[in] = append(n.granted[in], api.SpaceMember{Name: q.Name, Key: fingerprint(q.Name), Writes: !q.ReadOnly})
	return &api.SpaceLink{Space: in, Name: q.Name, Link: "phyllo://space/" + in}, nil
}

// SpaceRevoke implements api.Node.
func (n *Node) SpaceRevoke(ctx context.Context, q api.SpaceGrant) error {
	_, in, err := n.space(ctx, q.Space)
	if err != nil {
		return err
	}
	was := len(n.granted[in])
	n.granted[in] = slices.DeleteFunc(n.granted[in], func(m api.SpaceMember) bool { return m.Name == q.Name })
	if len(n.granted[in]) == was {
		return api.Errorf(api.NotFound, "%+q is not among those who may use the space %s: `phyllo space list` shows them", q.Name, in)
	}
	return nil
}

// SpaceAdd implements api.Node.
func (n *Node) SpaceAdd(ctx context.Context, q api.SpaceAdd) (*api.Space, error) {
	name, ok := strings.CutPrefix(q.Link, "phyllo://space/")
	if !ok {
		return nil, api.Errorf(api.Usage, "not a link of phyllo: copy the whole line that `phyllo share` or `phyllo space grant` has printed")
	}
	if err := n.makeSpace(ctx, cmp.Or(q.Name, name)); err != nil {
		return nil, err
	}
	n.foreign[cmp.Or(q.Name, name)] = true
	s := n.shownSpace(cmp.Or(q.Name, name))
	return &s, nil
}

// Storage implements api.Node.
func (n *Node) Storage(ctx context.Context, _ string) (*api.Storage, error) {
	st := &api.Storage{Offered: 1 << 30, Kept: 5 << 20, Objects: 321, Used: 310_000_000, Limit: 5_000_000_000, Heard: 4,
		Sweep: &api.Sweep{At: Begin.Add(-3 * time.Hour), Objects: 12, Bytes: 3 << 20, Foreign: 7, Missing: 1},
		By:    []api.MemberUse{{Member: nodeID(2), Objects: 300, Bytes: 4 << 20}, {Member: nodeID(1), Names: []string{"bob", "carol"}, Objects: 40, Bytes: 2 << 20}, {Member: nodeID(0), Self: true, Objects: 20, Bytes: 1 << 20}, {Objects: 1}}}
	list, err := n.spaces.Spaces(ctx)
	for _, i := range list {
		s, err := n.spaces.Space(ctx, i.Name)
		if err != nil {
			return nil, err
		}
		p, err := s.List(ctx, files.Query{Limit: files.MaxPage})
		if err != nil {
			return nil, err
		}
		use := api.SpaceUse{Name: i.Name, Files: uint64(len(p.Entries))}
		for _, e := range p.Entries {
			use.Bytes += e.Size
		}
		use.Copies = api.Copies{Objects: 4 + len(p.Entries), Whole: 4, OnlyHere: min(1, len(p.Entries)), Counted: Begin}
		st.Spaces = append(st.Spaces, use)
	}
	return st, err
}
