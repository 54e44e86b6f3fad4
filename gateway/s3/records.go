package s3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	uploadRecord  = "upload/"
	partRecord    = "part/"
	damagedRecord = "damaged/" // and then what the key was
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

// Waiting calls use for the drafts (files.Draft.Save) of all parts of uploads that are kept in
// records, and returns the keys of records that are damaged: use refuses what they have, or they
// cannot be read at all. Nobody can complete anything with these, so what they had is waste.
func Waiting(r Records, use func(saved []byte) error) (damaged []string, err error) {
	err = r.Each(partRecord, func(key string, b []byte) {
		var p part
		if json.Unmarshal(b, &p) != nil || use(p.Saved) != nil {
			damaged = append(damaged, key)
		}
	})
	return damaged, err
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

// open reads which uploads are open. What is damaged, and parts of an upload that is, are put
// aside first: an upload that lacks them goes on, and its client is told that they are missing.
func (u *uploads) open() error {
	if err := u.putAside(); err != nil {
		return err
	}
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

// putAside takes records that are of no use out of the way, under another key.
func (u *uploads) putAside() error {
	aside := map[string][]byte{}
	known := map[string]*upload{} // by the beginnings of their parts' keys
	err := u.records.Each(uploadRecord, func(key string, b []byte) {
		var x upload
		if json.Unmarshal(b, &x) == nil && x.key() == key {
			known[x.of()] = &x
			return
		}
		aside[key] = bytes.Clone(b)
	})
	if err != nil {
		return err
	}
	if err := u.records.Each(partRecord, func(key string, b []byte) {
		var p part
		x := known[key[:strings.LastIndexByte(key, '/')+1]]
		if x == nil || json.Unmarshal(b, &p) != nil || key != x.partKey(p.N) {
			aside[key] = bytes.Clone(b)
		}
	}); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(aside)) {
		if err := u.records.Put(damagedRecord+key, aside[key]); err != nil {
			return err
		}
		if err := u.records.Delete(key); err != nil {
			return err
		}
		u.log.Warn("S3: what is kept of an upload in parts is damaged: its client has to upload it again", "record", key, "put aside as", damagedRecord+key)
	}
	return nil
}

// part reads one part. There may be one that cannot be read: then it is nil, and counts all the same.
func (u *uploads) part(x *upload, n int) (p *part, there bool, err error) {
	b, err := u.records.Get(x.partKey(n))
	if b == nil || err != nil {
		return nil, false, err
	}
	p = new(part)
	if json.Unmarshal(b, p) != nil {
		return nil, true, nil
	}
	return p, true, nil
}

// listed reads an upload's parts, by number.
func (u *uploads) listed(x *upload) (ps []part, err error) {
	err = read(u, x.of(), func(p part) { ps = append(ps, p) })
	return ps, err
}

// forget removes all that is kept of an upload.
func (u *uploads) forget(x *upload) error {
	keys := []string{x.key()}
	if err := u.records.Each(x.of(), func(key string, _ []byte) { keys = append(keys, key) }); err != nil {
		return err
	}
	if err := u.records.Delete(keys...); err != nil {
		return err
	}
	u.parts -= x.parts
	delete(u.all, x.ID)
	return nil
}
