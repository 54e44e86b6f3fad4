package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Records keep what is known of uploads in parts, however often the node starts. They may be
// called from many goroutines. Keys are short texts.
type Records interface {
	// Get returns a record, or nil.
	Get(key string) ([]byte, error)
	// Put sets a record, durably.
	Put(key string, value []byte) error
	// Delete removes records, durably, all of them or none.
	Delete(keys ...string) error
	// Each calls f for the records whose keys begin with prefix, in the order of their keys.
	Each(prefix string, f func(key string, value []byte)) error
}

// Beginnings of keys.
const (
	uploadRecord = "upload/"
	partRecord   = "part/"
)

// upload is one file that comes in parts. Its exported fields do not change but for Tried.
type upload struct {
	ID, User, Space, Name string
	Attrs                 files.Attrs
	Begun                 time.Time
	Class                 files.Class // how its parts are kept
	// Sum is the kind of the checksum that it is to have, or empty; Whole: of the whole, else of the
	// checksums of its parts.
	Sum   string
	Whole bool
	// Tried: somebody began to complete it, and it is not known what became of that. So its parts may
	// be in use, and are given back no more.
	Tried bool

	last  time.Time // when its last part came
	parts int
	busy  bool // it is being completed, or given up
}

// part is a part of an upload.
type part struct {
	N     int
	Tag   string // its MD5, in hex
	Sum   string // of the kind that the upload is to have, in base64; or empty
	Size  int64  // bytes
	At    time.Time
	Saved []byte // its draft
}

func (x *upload) key() string { return uploadRecord + x.ID }

// of is the prefix of the keys of an upload's parts.
func (x *upload) of() string { return partRecord + x.ID + "/" }

func (x *upload) partKey(n int) string { return fmt.Sprintf("%s%05d", x.of(), n) }

// Waiting returns the drafts (files.Draft.Save) of all parts of uploads that are kept in records.
func Waiting(r Records) (saved [][]byte, err error) {
	bad := r.Each(partRecord, func(_ string, b []byte) {
		var p part
		err = errors.Join(err, json.Unmarshal(b, &p))
		saved = append(saved, p.Saved)
	})
	return saved, errors.Join(bad, err)
}

// write sets a record.
func (u *uploads) write(key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return u.records.Put(key, b)
}

// read calls f for what each record below a prefix says. One that cannot be read is left out: it is
// of a program that was other than this one.
func read[V any](u *uploads, prefix string, f func(V)) error {
	return u.records.Each(prefix, func(key string, b []byte) {
		var v V
		if err := json.Unmarshal(b, &v); err != nil {
			u.log.Warn("S3: what is kept of an upload in parts cannot be read", "record", key, "err", err)
			return
		}
		f(v)
	})
}

// open reads which uploads are open.
func (u *uploads) open() error {
	if err := read(u, uploadRecord, func(x *upload) {
		x.last = x.Begun
		u.all[x.ID] = x
	}); err != nil {
		return err
	}
	for _, x := range u.all {
		if err := read(u, x.of(), func(p part) {
			x.parts++
			if p.At.After(x.last) {
				x.last = p.At
			}
		}); err != nil {
			return err
		}
		u.parts += x.parts
	}
	return nil
}

// part reads one part, if there is one.
func (u *uploads) part(x *upload, n int) (*part, error) {
	b, err := u.records.Get(x.partKey(n))
	if b == nil || err != nil {
		return nil, err
	}
	p := new(part)
	return p, json.Unmarshal(b, p)
}

// listed reads an upload's parts, by number.
func (u *uploads) listed(x *upload) (ps []part, err error) {
	err = read(u, x.of(), func(p part) { ps = append(ps, p) })
	return ps, err
}

// forget removes all that is kept of an upload.
func (u *uploads) forget(x *upload) error {
	ps, err := u.listed(x)
	if err != nil {
		return err
	}
	keys := []string{x.key()}
	for _, p := range ps {
		keys = append(keys, x.partKey(p.N))
	}
	if err := u.records.Delete(keys...); err != nil {
		return err
	}
	u.parts -= x.parts
	delete(u.all, x.ID)
	return nil
}
