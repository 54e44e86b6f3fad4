package shelf

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxRows is how many rooms a list has. Of more those stay that are not left.
const MaxRows = 320

const listName = "list"

// List is which rooms somebody is in. It lies under his own key, sealed to himself, so that each
// of his computers has the same rooms, and one that lost its disk finds them again.
type List struct {
	Rows []*Row `cbor:"1,keyasint"` // by their rooms

	version uint64
	rivals  []id.Hash
}

// Row is a room of a list.
type Row struct {
	Room id.Hash `cbor:"1,keyasint"`
	// Number is that of the change that made the user what he is in it; 0: he founded it, or is
	// in it without any.
	Number uint64 `cbor:"2,keyasint"`
	Out    bool   `cbor:"3,keyasint,omitempty"` // he left it, or was put out
	// Key is the key of an epoch, which opens the room's head; zero in a public room, and where
	// none is known. Epoch is that epoch's number.
	Key   peer.Secret `cbor:"4,keyasint"`
	Epoch uint64      `cbor:"5,keyasint,omitempty"`
}

// box is a list, sealed.
type box struct {
	Number uint32 `cbor:"1,keyasint"` // of the sealing key
	Sealed []byte `cbor:"2,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrDamaged.
func (l *List) Check() error {
	if len(l.Rows) > MaxRows {
		return bad("a list of %d rooms", len(l.Rows))
	}
	for i, r := range l.Rows {
		if r == nil || r.Room.IsZero() || i > 0 && byRoom(l.Rows[i-1], r.Room) >= 0 {
			return bad("a list of rooms that is not in order")
		}
	}
	return nil
}

func byRoom(r *Row, room id.Hash) int { return bytes.Compare(r.Room[:], room[:]) }

// Find returns the row of a room, or nil.
func (l *List) Find(room id.Hash) *Row {
	if at, ok := slices.BinarySearchFunc(l.Rows, room, byRoom); ok {
		return l.Rows[at]
	}
	return nil
}

// Set puts a row in the place of an older one of its room.
func (l *List) Set(r *Row) {
	at, there := slices.BinarySearchFunc(l.Rows, r.Room, byRoom)
	switch {
	case there && !r.after(l.Rows[at]):
		return
	case there:
		l.Rows = slices.Clone(l.Rows)
		l.Rows[at] = r
		return
	}
	l.Rows = slices.Insert(slices.Clone(l.Rows), at, r)
	for len(l.Rows) > MaxRows {
		drop := slices.IndexFunc(l.Rows, func(r *Row) bool { return r.Out })
		if drop < 0 {
			drop = at
		}
		l.Rows = slices.Delete(l.Rows, drop, drop+1)
	}
}

// after reports whether a row tells of something later than another one of its room.
func (r *Row) after(o *Row) bool {
	switch {
	case r.Number != o.Number:
		return r.Number > o.Number
	case r.Out != o.Out:
		return r.Out
	}
	return cmp.Compare(r.Epoch, o.Epoch) > 0
}

// Same reports whether two lists say the same.
func (l *List) Same(o *List) bool {
	return bytes.Equal(wire.MustMarshal(l), wire.MustMarshal(o))
}

// Divided reports whether parts of the ring have made different lists, which are joined in this
// one and not settled yet.
func (l *List) Divided() bool { return len(l.rivals) > 0 }

// After returns a copy of a list to be changed and written in its place.
func (l *List) After() *List {
	next := *l
	return &next
}

// Seals is what a list is sealed with: number names the user's sealing key. Both run off the loop.
type Seals struct {
	Number uint32
	Seal   func(info, plain []byte) ([]byte, error)
	Open   func(number uint32, info, sealed []byte) ([]byte, error)
}

func listInfo(user peer.Key) []byte {
	h := id.HashOf("room list", user[:])
	return h[:]
}

// ReadList reads somebody's list; where there is none it is empty. The error wraps ErrDamaged where
// it is sealed to a key that is not on this node.
func (s *Shelf) ReadList(t *task.T, user peer.Key, with Seals) (*List, error) {
	f, err := s.Storage.Current(t, user, listName)
	if errors.Is(err, ErrNothing) {
		return &List{}, nil
	}
	if err != nil {
		return nil, err
	}
	return task.Work(t, work, func() (*List, error) {
		out := &List{version: f.Version}
		join := func(content []byte) error {
			l, err := openList(content, user, with)
			if err != nil {
				return err
			}
			for _, r := range l.Rows {
				out.Set(r)
			}
			return nil
		}
		if err := join(f.Content); err != nil {
			return nil, err
		}
		for _, r := range f.Rivals {
			if join(r.Content) == nil {
				out.rivals = append(out.rivals, r.Hash)
			}
		}
		return out, nil
	})
}

func openList(content []byte, user peer.Key, with Seals) (*List, error) {
	var b box
	if err := wire.Unmarshal(content, &b); err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	plain, err := with.Open(b.Number, listInfo(user), b.Sealed)
	if err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	l := new(List)
	if err := wire.Unmarshal(plain, l); err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	return l, nil
}

// WriteList puts a list in place of the one that it was made from. The error wraps ErrConflict
// where another one came before it.
func (s *Shelf) WriteList(t *task.T, user peer.Signer, with Seals, l *List) error {
	content, err := task.Work(t, work, func() ([]byte, error) {
		sealed, err := with.Seal(listInfo(user.Public()), wire.MustMarshal(l))
		if err != nil {
			return nil, err
		}
		return wire.MustMarshal(&box{with.Number, sealed}), nil
	})
	if err != nil {
		return err
	}
	return s.Storage.Change(t, user, listName, Edit{Replaces: l.version, Content: content, Resolves: l.rivals})
}
