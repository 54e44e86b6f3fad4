package s3

import (
	"cmp"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Limits of uploads in parts.
const (
	MaxParts   = 10_000
	MaxUploads = 1000 // that are open at a time
	uploadTime = 24 * time.Hour
)

// uploads are those that are open.
type uploads struct {
	mu  sync.Mutex // guards the uploads, too
	all map[string]*upload
}

// upload is one file that comes in parts.
type upload struct {
	id, space, name string
	attrs           files.Attrs
	begun, last     time.Time
	parts           map[int]*part
	busy            bool // is being completed
}

type part struct {
	draft files.Draft
	tag   string // the MD5 in hex
	at    time.Time
	n     int
}

// begin opens an upload. Those whose last part came a day ago make room.
func (u *uploads) begin(space, name string, a files.Attrs, now time.Time) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, x := range u.all {
		if now.Sub(x.last) > uploadTime && !x.busy {
			u.drop(x)
		}
	}
	if len(u.all) >= MaxUploads {
		return nil, &fault{"SlowDown", 503, "too many uploads in parts are open: complete some, or give them up", "uploads"}
	}
	x := &upload{id: rand.Text(), space: space, name: name, attrs: a, begun: now, last: now, parts: map[int]*part{}}
	u.all[x.id] = x
	return x, nil
}

func (u *uploads) drop(x *upload) {
	delete(u.all, x.id)
	for _, p := range x.parts {
		p.draft.Discard()
	}
}

// find returns the open upload of a file. u.mu is held.
func (u *uploads) find(id, space, name string) (*upload, error) {
	x := u.all[id]
	if x == nil || x.space != space || x.name != name {
		return nil, errNoUpload
	}
	return x, nil
}

// add puts a part in, in the place of one with its number; and tells whether it could.
func (u *uploads) add(id, space, name string, p *part) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.find(id, space, name)
	if err == nil && x.busy {
		err = errNoUpload
	}
	if err != nil {
		p.draft.Discard()
		return err
	}
	if old := x.parts[p.n]; old != nil {
		old.draft.Discard()
	}
	x.parts[p.n], x.last = p, p.at
	return nil
}

// take picks the named parts out for completing; the upload stays, but takes no more.
// done ends that.
func (u *uploads) take(id, space, name string, named []namedPart) (x *upload, content []files.Draft, tag string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if x, err = u.find(id, space, name); err != nil {
		return nil, nil, "", err
	}
	if x.busy {
		return nil, nil, "", errNoUpload
	}
	all := md5.New()
	for i, want := range named {
		p := x.parts[want.PartNumber]
		if i > 0 && want.PartNumber <= named[i-1].PartNumber {
			return nil, nil, "", errPartOrder
		}
		if p == nil || p.tag != strings.Trim(want.ETag, `"`) {
			return nil, nil, "", errPart
		}
		sum, err := hex.DecodeString(p.tag)
		if err != nil {
			return nil, nil, "", fmt.Errorf("the tag of a part: %w", err)
		}
		all.Write(sum)
		content = append(content, p.draft)
	}
	x.busy = true
	return x, content, fmt.Sprintf("%s-%d", hex.EncodeToString(all.Sum(nil)), len(named)), nil
}

// done ends completing: the upload is over, or as it was.
func (u *uploads) done(x *upload, over bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x.busy = false
	if over {
		u.drop(x)
	}
}

func (u *uploads) abort(id, space, name string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.find(id, space, name)
	if err != nil || x.busy {
		return errNoUpload
	}
	u.drop(x)
	return nil
}

// partsOf lists an upload's parts by number.
func (u *uploads) partsOf(id, space, name string) ([]*part, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	x, err := u.find(id, space, name)
	if err != nil {
		return nil, err
	}
	var out []*part
	for _, p := range x.parts {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *part) int { return cmp.Compare(a.n, b.n) })
	return out, nil
}

// of lists a space's open uploads by name.
func (u *uploads) of(space, prefix string) []*upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []*upload
	for _, x := range u.all {
		if x.space == space && strings.HasPrefix(x.name, prefix) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *upload) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id)) })
	return out
}

func (u *uploads) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, x := range u.all {
		u.drop(x)
	}
}
