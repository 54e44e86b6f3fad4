package shelf

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// maxSealed is the longest sealed key, in bytes.
const maxSealed = 2 << 10

// Letters have the key of an epoch, sealed to each who may have it.
type Letters struct {
	List []*Letter `cbor:"1,keyasint"`
}

// Letter is the key for one person.
type Letter struct {
	To     peer.Key `cbor:"1,keyasint"`
	Number uint32   `cbor:"2,keyasint"` // of his sealing key
	Sealed []byte   `cbor:"3,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrDamaged.
func (l *Letters) Check() error {
	if len(l.List) > entry.MaxMembers {
		return bad("%d letters", len(l.List))
	}
	for _, x := range l.List {
		if x == nil || x.To.IsZero() || len(x.Sealed) == 0 || len(x.Sealed) > maxSealed {
			return bad("a letter that is none")
		}
	}
	return nil
}

// lettersKey hides from holders whom letters are for: who has the key before opens them.
func lettersKey(before peer.Secret) peer.Secret { return before.Derive("room letters") }

// Send stores letters for those who have the key of an epoch before, until they end.
func (s *Shelf) Send(t *task.T, room id.Hash, before peer.Secret, l *Letters, ends time.Time, owner peer.Signer) (id.Hash, error) {
	salt := s.Locker.NewSecret()
	sealed, err := task.Work(t, work, func() ([]byte, error) {
		return lock(s.Locker, lettersKey(before), salt, "letters", room[:], l), nil
	})
	if err != nil {
		return id.Hash{}, err
	}
	return s.Storage.Put(t, sealed, ends, owner)
}

// Letters returns those that are stored under an object. The error wraps ErrNothing or ErrDamaged where they are of
// no use.
func (s *Shelf) Letters(t *task.T, room id.Hash, before peer.Secret, object id.Hash) (*Letters, error) {
	sealed, err := s.Storage.Get(t, object)
	if err != nil {
		return nil, err
	}
	return task.Work(t, work, func() (*Letters, error) {
		l := new(Letters)
		if err := unlock(s.Locker, lettersKey(before), "letters", room[:], sealed, l); err != nil {
			return nil, err
		}
		return l, nil
	})
}

// For returns somebody's letter; nil: there is none for him.
func (l *Letters) For(to peer.Key) *Letter {
	if at := slices.IndexFunc(l.List, func(x *Letter) bool { return x.To == to }); at >= 0 {
		return l.List[at]
	}
	return nil
}

// Useless reports whether an error says that what was read will not come right by waiting.
func Useless(err error) bool { return errors.Is(err, ErrNothing) || errors.Is(err, ErrDamaged) }
