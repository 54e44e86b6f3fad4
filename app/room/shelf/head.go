package shelf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a head: all of it together fits MaxContent.
const (
	MaxTips   = 64
	MaxPacks  = 256
	MaxPeople = 48
	MaxNext   = 8
)

// Head is what stands for a room on the shelf. See the package's comment.
type Head struct {
	Founding *entry.Entry `cbor:"1,keyasint"`
	// Tips are the last entries of the log, as far as those who wrote the head had it, sorted,
	// one after another (entry.Join).
	Tips []byte `cbor:"2,keyasint,omitempty"`
	// Packed are the last entries of what Packs hold.
	Packed []byte `cbor:"3,keyasint,omitempty"`
	// Packs stand in such an order that each names only entries in itself or in those before it.
	Packs []*Ref `cbor:"4,keyasint,omitempty"`
	// People are some who are in the room, those first who have more to say in it.
	People []*Person `cbor:"5,keyasint,omitempty"`
	// Next leads to heads under keys that began after this one.
	Next []*Next `cbor:"6,keyasint,omitempty"`

	version uint64
	rivals  []id.Hash // whose contents are in it, too
	apart   bool
}

// Person is somebody in the room whom others find by name.
type Person struct {
	Key  peer.Key `cbor:"1,keyasint"`
	Name string   `cbor:"2,keyasint"`
}

// Next names the letters that have the key of another epoch.
type Next struct {
	Epoch   id.Hash `cbor:"1,keyasint"` // its entry
	Letters id.Hash `cbor:"2,keyasint"` // the object
	// Ends is when storage gives the letters up by itself, Unix milliseconds; 0: it is not known, or does not.
	Ends int64 `cbor:"3,keyasint,omitempty"`
	// Lacks is how many in the room have none among them, as they could not be found.
	Lacks uint32 `cbor:"4,keyasint,omitempty"`
}

// Beats reports whether these letters take the place of others with the key of the same epoch: they end later, or on the
// same day and lack fewer.
func (n *Next) Beats(o *Next) bool {
	return n.Ends > o.Ends || n.Ends == o.Ends && n.Lacks < o.Lacks
}

// Ref is a pack.
type Ref struct {
	Object  id.Hash     `cbor:"1,keyasint"`
	Key     peer.Secret `cbor:"2,keyasint"`
	Size    uint32      `cbor:"3,keyasint"` // of the object, in bytes
	Entries uint32      `cbor:"4,keyasint"`
	// Ends is when storage gives it up by itself, Unix milliseconds; 0: it does not.
	Ends int64 `cbor:"5,keyasint,omitempty"`
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Check implements wire.Checker. The error wraps ErrDamaged.
func (h *Head) Check() error {
	switch {
	case h.Founding == nil || h.Founding.Kind != entry.FoundingKind:
		return bad("a head without a founding")
	case len(h.Packs) > MaxPacks || len(h.People) > MaxPeople || len(h.Next) > MaxNext:
		return bad("a head of %d packs, %d people and %d ways on", len(h.Packs), len(h.People), len(h.Next))
	}
	for _, list := range [][]byte{h.Tips, h.Packed} {
		if len(list)%len(id.Hash{}) != 0 || len(list) > MaxTips*len(id.Hash{}) {
			return bad("%d bytes of hashes, want at most %d hashes", len(list), MaxTips)
		}
	}
	for _, r := range h.Packs {
		if r == nil || r.Object.IsZero() || r.Key.IsZero() || r.Size > MaxObject || r.Ends < 0 {
			return bad("a pack that is none")
		}
	}
	for _, p := range h.People {
		if p == nil || p.Key.IsZero() || entry.CheckTitle(p.Name) != nil {
			return bad("a person who is nobody")
		}
	}
	for _, n := range h.Next {
		if n == nil || n.Epoch.IsZero() || n.Letters.IsZero() || n.Ends < 0 {
			return bad("a way on that leads nowhere")
		}
	}
	return h.Founding.Check()
}

// Shelf reads and writes what lies in storage, for the rooms of one node.
type Shelf struct {
	Storage  Storage
	Locker   peer.Locker
	Verifier peer.Verifier
}

const (
	work     = time.Minute
	headName = "head"
)

// PublicKey stands for the key of an epoch in a public room, where all may read.
func PublicKey(room id.Hash) peer.Secret { return peer.Secret(id.HashOf("room public head", room)) }

// Signer is who may change the head of a room under a key.
func (s *Shelf) Signer(room id.Hash, key peer.Secret) peer.Signer {
	return s.Locker.Signer(key.Derive("room head", room[:]))
}

// Read reads the head of a room under a key. The error wraps ErrNothing where there is none,
// and ErrDamaged where it is not one of this room.
func (s *Shelf) Read(t *task.T, room id.Hash, key peer.Secret) (*Head, error) {
	owner, err := task.Work(t, work, func() (peer.Key, error) { return s.Signer(room, key).Public(), nil })
	if err != nil {
		return nil, err
	}
	f, err := s.Storage.Current(t, owner, headName)
	if err != nil {
		return nil, err
	}
	return task.Work(t, work, func() (*Head, error) {
		h, err := s.open(room, key, f.Content)
		if err != nil {
			// Who could write here wrote something else: a right head takes its place.
			h = &Head{version: f.Version}
			return h, err
		}
		h.version, h.apart = f.Version, f.Apart
		for _, r := range f.Rivals {
			if other, err := s.open(room, key, r.Content); err == nil {
				h.Join(other)
			}
			h.rivals = append(h.rivals, r.Hash)
		}
		return h, nil
	})
}

func (s *Shelf) open(room id.Hash, key peer.Secret, sealed []byte) (*Head, error) {
	h := new(Head)
	if err := unlock(s.Locker, key, headName, room[:], sealed, h); err != nil {
		return nil, err
	}
	if h.Founding.Hash() != room || h.Founding.Verify(s.Verifier) != nil {
		return nil, bad("the head of another room")
	}
	return h, nil
}

// Write puts a head in place of the one that it was made from (After), or of none. The error wraps
// ErrConflict where another one came before it.
func (s *Shelf) Write(t *task.T, room id.Hash, key peer.Secret, h *Head) error {
	salt := s.Locker.NewSecret()
	type made struct {
		owner  peer.Signer
		sealed []byte
	}
	m, err := task.Work(t, work, func() (made, error) {
		return made{s.Signer(room, key), lock(s.Locker, key, salt, headName, room[:], h)}, nil
	})
	if err != nil {
		return err
	}
	return s.Storage.Change(t, m.owner, headName, Edit{Replaces: h.version, Content: m.sealed, Resolves: h.rivals})
}

// After returns a copy of a head to be changed and written in its place. Lists may be replaced,
// and must not be changed.
func (h *Head) After() *Head {
	next := *h
	return &next
}

// Empty returns the head of a room of which nothing is on the shelf. damaged, which may be nil,
// is what Read gave with ErrDamaged.
func Empty(founding *entry.Entry, damaged *Head) *Head {
	h := &Head{Founding: founding}
	if damaged != nil {
		h.version = damaged.version
	}
	return h
}

// Settled reports whether all that keep the head agree to it: nothing else of it is out of sight.
func (h *Head) Settled() bool { return !h.apart && len(h.rivals) == 0 }

// Apart reports whether most of those who keep the head were away, and may have another one.
func (h *Head) Apart() bool { return h.apart }

// Divided reports whether parts of the ring have made different heads, which are joined in this one
// and not settled yet.
func (h *Head) Divided() bool { return len(h.rivals) > 0 }

// Same reports whether two heads say the same.
func (h *Head) Same(o *Head) bool {
	return bytes.Equal(wire.MustMarshal(h), wire.MustMarshal(o))
}

// Join adds what another head of the room says. Where there is no room for all, what is packed stays
// as it was: the other's is packed again.
func (h *Head) Join(o *Head) {
	if packs := joined(h.Packs, o.Packs, func(a, b *Ref) bool { return a.Object == b.Object }); len(packs) <= MaxPacks {
		if packed, fits := joinHashes(h.Packed, o.Packed); fits {
			h.Packs, h.Packed = packs, packed
		}
	}
	if tips, fits := joinHashes(h.Tips, o.Tips); fits {
		h.Tips = tips
	}
	for _, n := range o.Next {
		h.Lead(n)
	}
	if len(h.People) == 0 {
		h.People = o.People
	}
}

// Lead makes the head lead to an epoch. Of two letters with its key the better ones stay (Next.Beats), and of all ways
// the last MaxNext.
func (h *Head) Lead(n *Next) {
	at := slices.IndexFunc(h.Next, func(o *Next) bool { return o.Epoch == n.Epoch })
	next := slices.Clone(h.Next)
	switch {
	case at < 0:
		next = append(next, n)
	case n.Beats(next[at]):
		next[at] = n
	}
	h.Next = next[max(0, len(next)-MaxNext):]
}

// fewPeople is how many people a head names that does no more than lead on.
const fewPeople = 8

// Slim drops from a head that leads on, for all who may follow it, what the head to which it leads says, too: so those of
// epochs before take little room.
func (h *Head) Slim() {
	h.Packs, h.Packed = nil, nil
	h.People = h.People[:min(len(h.People), fewPeople)]
}

func joined[T any](a, b []*T, same func(a, b *T) bool) []*T {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.ContainsFunc(a, func(y *T) bool { return same(x, y) }) {
			out = append(out, x)
		}
	}
	return out
}

func joinHashes(a, b []byte) (out []byte, fits bool) {
	out = entry.Join(append(entry.Hashes(a), entry.Hashes(b)...))
	return out, len(out) <= MaxTips*len(id.Hash{})
}

// lock encrypts v, each time under a key of its own. about is bound to it.
func lock(l peer.Locker, key, salt peer.Secret, what string, about []byte, v any) []byte {
	return append(salt[:], l.Lock(key.Derive("room shelf "+what, salt[:]), about, wire.MustMarshal(v))...)
}

// unlock reads what lock made. The error wraps ErrDamaged.
func unlock(l peer.Locker, key peer.Secret, what string, about, b []byte, v any) error {
	if len(b) < peer.SecretSize {
		return bad("%d bytes", len(b))
	}
	plain, err := l.Unlock(key.Derive("room shelf "+what, b[:peer.SecretSize]), about, b[peer.SecretSize:])
	if err == nil {
		err = wire.Unmarshal(plain, v)
	}
	if err != nil {
		return errors.Join(ErrDamaged, err)
	}
	return nil
}
