package past

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// entry is what a holder remembers of an object that lies in its store. It is not
// changed once it is on the shelf.
type entry struct {
	object  id.Hash
	kind    certificate.Kind
	copies  uint8
	gone    bool // reclaimed: no content
	told    bool // if gone: this node never had it, and was told
	size    int64
	content id.Hash
	date    int64        // of the certificate; if gone, of the last one that the reclaim ends
	since   int64        // if gone: when it was reclaimed, as its owner says, and
	came    task.Instant // if gone: since when this node knows; of a rival: when it was brought; or the node's start
	expires int64
	state   state
	version uint64              // of a mutable object, and
	ruling  *certificate.Ruling // who rules that it is current
	rival   *certificate.Ruling // of a rival: who ruled that it was
	of      id.Hash             // and of which object
	at      id.ID               // of a pointer: who keeps the replica
	whose   id.ID               // of a diverted replica: for whom it is kept
}

// state is a short hash of all that a holder keeps of an object: who has the same has the
// same state. 0 is nothing.
type state uint64

func (e *entry) expired(now time.Time) bool { return e.expires != 0 && now.UnixMilli() >= e.expires }

// over reports whether an entry need not be kept any more, as far as the dates go that its owner signed.
// Nobody takes what has expired, so most of that needs no reclaim either: if an earlier certificate of
// the same file ends later, a holder that was away with it keeps that until it is reclaimed once more.
func (e *entry) over(c *Config, now time.Time) bool {
	return e.expired(now.Add(-c.Skew)) || e.gone && now.UnixMilli() >= e.since+c.Forget.Milliseconds()
}

// stays reports whether a content of this entry never changes, and lies with the records.
func (e *entry) stays() bool { return e.kind != certificate.Mutable && !e.gone && !e.large() }

// large reports whether there is a content in the blobs.
func (e *entry) large() bool { return e.size > certificate.MaxInline }

// kept is what lies in the store, in Table: a certificate, with a ruling for a mutable
// object, or where the replica lies; or a reclaim.
type kept struct {
	Cert    *certificate.Certificate `cbor:"1,keyasint,omitempty"`
	Reclaim *certificate.Reclaim     `cbor:"2,keyasint,omitempty"`
	Ruling  *certificate.Ruling      `cbor:"3,keyasint,omitempty"`
	At      *id.ID                   `cbor:"4,keyasint,omitempty"` // of a pointer
	For     *id.ID                   `cbor:"5,keyasint,omitempty"` // of a replica that another node diverted
	Rival   bool                     `cbor:"6,keyasint,omitempty"` // it is kept besides the object's current version
	Told    bool                     `cbor:"7,keyasint,omitempty"` // with Reclaim: the object was never here
}

// Check implements wire.Checker.
func (k *kept) Check() error {
	if k.Reclaim != nil {
		return k.Reclaim.Check()
	}
	if err := k.Cert.Check(); err != nil || k.Cert.Kind != certificate.Mutable && !k.Rival {
		return err
	}
	if k.At != nil || k.Cert.Kind != certificate.Mutable {
		return errDamaged // mutable objects are not diverted
	}
	return k.Ruling.Check()
}

func (k *kept) cert() *certificate.Certificate {
	if k.Reclaim != nil {
		return k.Reclaim.Of
	}
	return k.Cert
}

// id is that of the object.
func (k *kept) id() id.Hash {
	if k.Rival {
		return certificate.RivalID(k.Cert.ID(), k.Ruling.Certificate)
	}
	return k.cert().ID()
}

func (k *kept) entry(ring id.Hash) *entry {
	c := k.cert()
	e := &entry{object: k.id(), kind: c.Kind, copies: c.Copies, size: c.Size, content: c.Content, date: c.Date, expires: c.Expires}
	hash := c.Hash(ring)
	if k.Reclaim != nil {
		// The date of the reclaim is not part of it: two reclaims of one certificate are
		// the same to all.
		e.gone, e.told, e.size, e.since = true, k.Told, 0, k.Reclaim.Date
		hash = id.HashOf("reclaimed", hash)
	}
	if k.At != nil {
		e.at, e.size = *k.At, 0
	}
	if k.For != nil {
		e.whose = *k.For
	}
	switch {
	case k.Rival:
		e.version, e.rival, e.of = c.Version, k.Ruling, c.ID()
		hash = id.HashOf("rival", hash) // whoever ruled so
	case c.Kind == certificate.Mutable:
		e.version, e.ruling = c.Version, k.Ruling
		hash = id.HashOf("ruled", hash, k.Ruling.Term.Count, k.Ruling.Term.Root, k.Ruling.Number)
	}
	e.state = state(binary.BigEndian.Uint64(hash[:])) | 1
	return e
}

// shelf is the index of what this node keeps, in the order of the objects' ids.
type shelf struct {
	list     []*entry
	objects  int             // not gone
	told     int             // reclaimed objects that never were here
	pointers int             // of these
	bytes    int64           // of content
	blobs    map[id.Hash]int // how many large objects have a content
}

func (s *shelf) at(object id.Hash) (int, bool) {
	return slices.BinarySearchFunc(s.list, object, func(e *entry, o id.Hash) int { return bytes.Compare(e.object[:], o[:]) })
}

func (s *shelf) find(object id.Hash) *entry {
	if i, have := s.at(object); have {
		return s.list[i]
	}
	return nil
}

// after returns the entry that follows an id, or nil.
func (s *shelf) after(object id.Hash) *entry {
	i, have := s.at(object)
	if have {
		i++
	}
	if i < len(s.list) {
		return s.list[i]
	}
	return nil
}

// speaking are the entries whose content is this blob.
func (s *shelf) speaking(blob id.Hash) (es []*entry) {
	if !s.speaksOf(blob) {
		return nil
	}
	for _, e := range s.list {
		if e.large() && e.content == blob {
			es = append(es, e)
		}
	}
	return es
}

// state is that of an object, 0 if there is none.
func (s *shelf) state(object id.Hash) state {
	if e := s.find(object); e != nil {
		return e.state
	}
	return 0
}

func (s *shelf) set(e *entry) {
	i, have := s.at(e.object)
	if have {
		s.count(s.list[i], -1)
		s.list[i] = e
	} else {
		s.list = slices.Insert(s.list, i, e)
	}
	s.count(e, 1)
}

func (s *shelf) remove(object id.Hash) {
	if i, have := s.at(object); have {
		s.count(s.list[i], -1)
		s.list = slices.Delete(s.list, i, i+1)
	}
}

func (s *shelf) count(e *entry, n int) {
	s.bytes += int64(n) * e.size
	if e.large() {
		if s.blobs == nil {
			s.blobs = make(map[id.Hash]int)
		}
		if s.blobs[e.content] += n; s.blobs[e.content] == 0 {
			delete(s.blobs, e.content)
		}
	}
	if e.told {
		s.told += n
	}
	if !e.gone {
		s.objects += n
		if e.pointer() {
			s.pointers += n
		}
	}
}

// speaksOf reports whether an object's content is this blob.
func (s *shelf) speaksOf(blob id.Hash) bool { return s.blobs[blob] > 0 }

// arc returns the entries whose places lie on an arc, in the order of the ring from its
// start.
func (s *shelf) arc(r id.Range) []*entry {
	if r.Full {
		return s.list
	}
	from := r.From.Bytes()
	var first id.Hash
	copy(first[:], from[:])
	i, _ := s.at(first)
	n := 0
	for n < len(s.list) && r.Contains(s.list[(i+n)%len(s.list)].object.Place()) {
		n++
	}
	if i+n <= len(s.list) {
		return s.list[i : i+n]
	}
	return append(slices.Clone(s.list[i:]), s.list[:i+n-len(s.list)]...)
}
