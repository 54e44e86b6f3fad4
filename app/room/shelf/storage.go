package shelf

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Outcomes of Storage. Its other errors say that it cannot be reached now, or takes no more.
var (
	// ErrNothing: there is no such object.
	ErrNothing = errors.New("nothing is on the shelf")
	// ErrConflict: another version is current than the one that was to be replaced.
	ErrConflict = errors.New("the shelf was changed by somebody else meanwhile")
	// ErrDamaged: what is there is not what it should be.
	ErrDamaged = errors.New("what is on the shelf is damaged")
)

// MaxContent is the longest content of an object that changes, and MaxObject of one that does
// not, in bytes.
const (
	MaxContent = 40 << 10
	MaxObject  = task.ChunkSize
)

// Storage is what a shelf needs of the ring's storage. Package vault has it of package past.
type Storage interface {
	// Put stores a content of at most MaxObject bytes under a new id, until it ends by itself. Only the
	// owner removes it before.
	Put(t *task.T, content []byte, ends time.Time, owner peer.Signer) (id.Hash, error)
	// Get reads it. The error wraps ErrNothing where there is none.
	Get(t *task.T, object id.Hash) ([]byte, error)
	// Ends is when it ends by itself, the zero time if it does not. The error wraps ErrNothing where there is none.
	Ends(t *task.T, object id.Hash) (time.Time, error)
	// Remove gives it back. That it is not there is no error.
	Remove(t *task.T, object id.Hash, owner peer.Signer) error
	// Current reads the object that changes of an owner, called what. The error wraps ErrNothing
	// where there is none.
	Current(t *task.T, owner peer.Key, what string) (Found, error)
	// Change puts a content of at most MaxContent bytes in place of a version, 0 for none. The
	// error wraps ErrConflict where another one is current.
	Change(t *task.T, owner peer.Signer, what string, e Edit) error
}

// Found is an object that changes, as it is now.
type Found struct {
	Content []byte
	Version uint64
	// Rivals are what other parts of the ring have made of it, out of sight of this one.
	Rivals []Rival
	// Apart tells that a majority of those who keep it is away, and had no say in it.
	Apart bool
}

// Rival is a version that is kept besides the current one.
type Rival struct {
	Hash    id.Hash
	Content []byte
}

// Edit is a change of such an object.
type Edit struct {
	Replaces uint64
	Content  []byte
	Resolves []id.Hash // rivals that the content has in it
}
