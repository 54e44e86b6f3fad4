package s3

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Limits of uploads in parts.
const (
	MaxParts   = 10_000             // of an upload
	MaxUploads = 1000               // that are open at a time
	maxOpen    = 20 * MaxParts      // parts of all that are open
	uploadTime = 7 * 24 * time.Hour // from the last part on
)

// uploads are those that are open.
type uploads struct {
	records Records
	log     *slog.Logger

	mu    sync.Mutex // guards what follows, and the uploads
	all   map[string]*upload
	parts int // of all
}

// place is whose space an upload is for, and which.
type place struct{ user, space string }

var errManyUploads = &fault{"SlowDown", 503, "too many uploads in parts are open: complete some, or give them up", "uploads"}

// begin opens an upload, and gives it its ID.
func (u *uploads) begin(at place, x *upload) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.all) >= MaxUploads {
		return errManyUploads
	}
	x.ID, x.User, x.Space, x.last = rand.Text(), at.user, at.space, x.Begun
	if err := u.write(x.key(), x); err != nil {
		return err
	}
	u.all[x.ID] = x
	return nil
}

// find returns the open upload of a file. u.mu is held.
func (u *uploads) find(id string, at place, name string) (*upload, error) {
	x := u.all[id]
	if x == nil || x.User != at.user || x.Space != at.space || x.Name != name {
		return nil, errNoUpload
	}
	return x, nil
}

// free is find for one that nothing is being done with.
func (u *uploads) free(id string, at place, name string) (*upload, error) {
	x, err := u.find(id, at, name)
	if err == nil && x.busy {
		return nil, errNoUpload
	}
	return x, err
}

// add puts a part in, in the place of one with its number, which it returns if it can be read.
func (u *uploads) add(id string, at place, name string, p part) (old *part, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.free(id, at, name)
	if err != nil {
		return nil, err
	}
	old, there, err := u.part(x, p.N)
	if err != nil {
		return nil, err
	}
	if !there && u.parts >= maxOpen {
		return nil, errManyUploads
	}
	if err := u.write(x.partKey(p.N), p); err != nil {
		return nil, err
	}
	if x.last = p.At; !there {
		x.parts++
		u.parts++
	}
	if x.Tried {
		return nil, nil // the old one may be in use
	}
	return old, nil
}

// completing is an upload that is being completed.
type completing struct {
	*upload
	parts []part // that the file has
	tag   string // of the file
	sum   string // of the file, of the kind that is wanted, or empty
	again bool   // it was tried before
}

// once names the change.
func (x *completing) once() string { return x.ID + "/" + x.tag[:2*md5.Size] }

// take picks the named parts out for completing, and notes that this was tried. The upload takes
// no more until end, refused or letGo. said are checksums of the file by their kinds, some of them empty.
func (u *uploads) take(id string, at place, name string, named []namedPart, said map[string]string) (*completing, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.free(id, at, name)
	if err != nil {
		return nil, err
	}
	picked, tag, err := u.pick(x, named)
	if err != nil {
		return nil, err
	}
	c := &completing{x, picked, tag, "", x.Tried}
	if x.Sum != "" {
		if c.sum, err = wholeSum(x, picked); err != nil {
			return nil, err
		}
		if want := said[x.Sum]; want != "" && want != c.sum && want != strings.TrimSuffix(c.sum, fmt.Sprintf("-%d", len(picked))) {
			return nil, errDigest
		}
	}
	x.Tried = true
	if err := u.write(x.key(), x); err != nil {
		x.Tried = c.again
		return nil, err
	}
	x.busy = true
	return c, nil
}

// pick finds the named parts, and the tag of a file that has them.
func (u *uploads) pick(x *upload, named []namedPart) (picked []part, tag string, err error) {
	all, err := u.listed(x)
	if err != nil {
		return nil, "", err
	}
	sum := md5.New()
	for i, want := range named {
		if i > 0 && want.PartNumber <= named[i-1].PartNumber {
			return nil, "", errPartOrder
		}
		j, there := slices.BinarySearchFunc(all, want.PartNumber, func(p part, n int) int { return cmp.Compare(p.N, n) })
		if !there || all[j].Tag != strings.Trim(want.ETag, `"`) {
			return nil, "", errPart
		}
		b, err := hex.DecodeString(all[j].Tag)
		if err != nil {
			return nil, "", fmt.Errorf("the tag of a part: %w", err)
		}
		sum.Write(b)
		picked = append(picked, all[j])
	}
	return picked, fmt.Sprintf("%s-%d", hex.EncodeToString(sum.Sum(nil)), len(named)), nil
}

// refused ends completing: it was decided that nothing changes, and the upload is as it was.
func (u *uploads) refused(x *completing) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	x.busy, x.Tried = false, x.again
	return u.write(x.key(), x.upload)
}

// letGo ends what was done with an upload, which stays as it is.
func (u *uploads) letGo(x *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x.busy = false
}

// end takes an upload away, and returns the parts that it had.
func (u *uploads) end(x *upload) ([]part, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x.busy = false
	ps, err := u.listed(x)
	if err == nil {
		err = u.forget(x)
	}
	return ps, err
}

// hold finds an upload to be given up, which takes no more until letGo or end.
func (u *uploads) hold(id string, at place, name string) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.free(id, at, name)
	if err == nil {
		x.busy = true
	}
	return x, err
}

// holdAll holds all uploads that f wants.
func (u *uploads) holdAll(f func(*upload) bool) (held []*upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, x := range u.all {
		if !x.busy && f(x) {
			x.busy = true
			held = append(held, x)
		}
	}
	return held
}

// partsOf lists an upload's parts by number, and says what of the upload does not change.
func (u *uploads) partsOf(id string, at place, name string) (x upload, parts []part, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	found, err := u.find(id, at, name)
	if err != nil {
		return x, nil, err
	}
	parts, err = u.listed(found)
	return *found, parts, err
}

// wants is what the parts of an upload are to be like, or errNoUpload.
func (u *uploads) wants(id string, at place, name string) (incoming, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.find(id, at, name)
	if err != nil {
		return incoming{}, err
	}
	return incoming{x.Class, x.Sum}, nil
}

// of lists a space's open uploads by name.
func (u *uploads) of(at place, prefix string) []upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []upload
	for _, x := range u.all {
		if x.User == at.user && x.Space == at.space && strings.HasPrefix(x.Name, prefix) {
			out = append(out, *x)
		}
	}
	slices.SortFunc(out, func(a, b upload) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return out
}

// giveUp ends an upload that is held, and gives its parts back. They are forgotten first: what is
// forgotten and not given back is waste, what is given back and not forgotten would be lost.
func (s *Server) giveUp(ctx context.Context, x *upload) error {
	to, err := s.Spaces(x.User).Space(ctx, x.Space)
	gone := errors.Is(err, files.ErrNoSpace) || errors.Is(err, files.ErrDenied)
	if err != nil && !gone {
		s.uploads.letGo(x)
		return err
	}
	ps, err := s.uploads.end(x)
	if err != nil || gone || x.Tried {
		return err
	}
	s.discard(ctx, to, ps, nil)
	return nil
}

// discard gives parts back, but for those that are kept.
func (s *Server) discard(ctx context.Context, from files.Space, ps, kept []part) {
	for _, p := range ps {
		if slices.ContainsFunc(kept, func(k part) bool { return k.N == p.N }) {
			continue
		}
		d, err := from.Saved(ctx, p.Saved)
		if err != nil {
			s.Log.Info("S3: a part of an upload was not given back", "err", err)
			continue
		}
		d.Discard()
	}
}

// Sweep gives up the uploads whose last part came a week ago. Call it now and then. What cannot be
// given up now is tried at the next time.
func (s *Server) Sweep(ctx context.Context) {
	now := s.Now()
	for _, x := range s.uploads.holdAll(func(x *upload) bool { return now.Sub(x.last) > uploadTime }) {
		if err := s.giveUp(ctx, x); err != nil {
			s.Log.Info("S3: an upload that is a week old stays for now", "file", x.Name, "err", err)
		}
	}
}
