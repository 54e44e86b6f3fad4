package space

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	disk "github.com/phyllo-net/phyllo/store"
)

// Config is what Spaces need. Fill in what Default leaves empty.
type Config struct {
	// Ring is the ring that certificates are signed for.
	Ring id.Hash
	// Past is the node's storage, on the same node.
	Past *past.Past
	// Store is the node's, for its notes about its own changes (package notes); nil: it keeps none,
	// and does not look for what nobody needs.
	Store disk.Store
	// Locker, Sealer and Verifier are the cryptography of spaces.
	Locker   peer.Locker
	Sealer   peer.Sealer
	Verifier peer.Verifier

	// Piece is the length of the longest piece in a convergent space or an archive, in bytes:
	// one chunk, less the seal. Elsewhere equal pieces are not kept once, and each costs signatures
	// and syncs at all of its holders: there it is Chunks times as long, 8. A range of a
	// piece is read without its other chunks.
	Piece, Chunks int
	// Window is how many objects are stored or read at once for one request: 16. Of those that
	// are stored no more are under way than WindowSize bytes have room for: 16 MiB, which is 4
	// pieces of the mean length. What one waits for, voucher, disks and answers, others fill.
	Window     int
	WindowSize int
	// Batch is how many changes one root makes at most: 512.
	Batch int
	// Nodes is how many nodes of directories are remembered: 2,000, which may be 32 MB.
	Nodes int
	// Versions is how many versions of a name a space with history keeps at most: 32.
	Versions int
	// Patience bounds a change, with all that has to be done again: 3 minutes.
	Patience time.Duration
	// Grace is how long what is not needed any more stays for those who read it: 1 minute.
	Grace time.Duration

	// People are those who live on this node, whose archives it looks through, and for whom it looks
	// for what nobody needs; nil: nobody is.
	People func() []Person
	// Tend is the mean time between two looks through all archives, a little more or less: 24
	// hours. Pace is the time between two of their objects: 333 ms (Glacier's three a second).
	Tend, Pace time.Duration
	// LostAfter is after how long out of sight a part of the ring is taken for lost: 30 days; 0: never. For so long, of the
	// time in which this node looks, a change of its own that roots of a majority do not come after keeps it from giving
	// back what nobody needs.
	LostAfter time.Duration
	// Waiting returns the contents that were held (Upload.Hold) and that somebody still means to go on with. It is
	// called off the node's loop. What is held and not among them at two looks for what nobody needs is held no
	// more: whoever knew of it has lost it. nil: all wait.
	Waiting func() ([]piece.Content, error)
	// Tended is told what such a look has found, and Swept what came of looking for what nobody
	// needs, which is done after it; nil: nobody is.
	Tended func(Tended)
	Swept  func(Swept)
}

// Copies is how many nodes keep an object unless somebody wants another number.
const Copies = 5

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{
		Piece: piece.ChunkText, Chunks: 8, Window: 16, WindowSize: 16 << 20, Batch: 512, Nodes: 2000, Versions: 32,
		Patience: 3 * time.Minute, Grace: time.Minute, Tend: 24 * time.Hour, Pace: 333 * time.Millisecond, LostAfter: 30 * 24 * time.Hour,
	}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	switch {
	case c.Past == nil || c.Locker == nil || c.Sealer == nil || c.Verifier == nil:
		return errors.New("space: Past, Locker, Sealer and Verifier must be set")
	case c.Piece < 256 || c.Piece > piece.ChunkText:
		return fmt.Errorf("space: Piece is %d, want 256 to %d", c.Piece, piece.ChunkText)
	case c.Patience < time.Second || c.Grace < 0:
		return fmt.Errorf("space: Patience is %s, Grace %s: want a second and 0 at least", c.Patience, c.Grace)
	}
	if c.Tend < time.Minute || c.Tend > 365*24*time.Hour || c.Pace < 0 || c.Pace > time.Minute {
		return fmt.Errorf("space: Tend is %s, Pace %s: want a minute to a year, and 0 to a minute", c.Tend, c.Pace)
	}
	if c.LostAfter < 0 {
		return fmt.Errorf("space: LostAfter is %s, want 0 or more", c.LostAfter)
	}
	for _, n := range []struct {
		name  string
		v, to int
	}{{"Chunks", c.Chunks, piece.MaxChunks}, {"Window", c.Window, 256}, {"WindowSize", c.WindowSize, 1 << 30}, {"Batch", c.Batch, 10_000}, {"Nodes", c.Nodes, 1_000_000}, {"Versions", c.Versions, 100}} {
		if n.v < 1 || n.v > n.to {
			return fmt.Errorf("space: %s is %d, want 1 to %d", n.name, n.v, n.to)
		}
	}
	return nil
}

// Outcomes that are not success, besides those of storage. Test for them with errors.Is.
var (
	// ErrNotFound: there is nothing under the name, or not this version of it.
	ErrNotFound = errors.New("nothing is there under this name")
	// ErrChanged: the name's current version is not the one of the condition.
	ErrChanged = errors.New("another version is current than the condition says")
	// ErrClash: a name cannot be a file and a folder at once.
	ErrClash = roots.ErrClash
	// ErrReadOnly: the person may read the space, and not write to it.
	ErrReadOnly = errors.New("you may read this space, and not change it: its owner can grant that")
	// ErrNoAccess: the space's charter has nothing for the person.
	ErrNoAccess = errors.New("this space is not open to you: its owner can grant that")
	// ErrNotOwner: only a space's owner says who may write to it.
	ErrNotOwner = errors.New("only the owner of a space says who may use it")
	// ErrTaken: the person has a space of this name already.
	ErrTaken = errors.New("you have a space of this name already")
	// ErrFull: the charter or the list of spaces has no room for one more.
	ErrFull = errors.New("there are as many of these as there can be: remove one first")
	// ErrForged: what stands for the space was made by nobody who may write to it.
	ErrForged = errors.New("the space was changed by somebody who may not do that")
	// ErrUncertain: it is not known whether the change was made.
	ErrUncertain = errors.New("it is not known whether the change was made: look at what is there now")
	// ErrMissing: a part of the space's directory cannot be found. It is a past.ErrNotFound, and a past.ErrApart where a
	// majority of those who keep the root is away.
	ErrMissing error = missingError{}
	// ErrHandle: the text is no link to a space or to a file.
	ErrHandle = errors.New("not a link of phyllo")
)

// missingError is ErrMissing.
type missingError struct{ apart bool }

// Error implements error.
func (e missingError) Error() string {
	if e.apart {
		return "a part of the space's directory is on none of the machines that are here, and a majority of those that keep it is away"
	}
	return "a part of the space's directory is on none of the machines that keep it"
}

// Is tells what else the error is.
func (e missingError) Is(target error) bool {
	_, missing := target.(missingError)
	return missing || target == past.ErrNotFound || target == roots.ErrGone || e.apart && (target == past.ErrApart || target == past.ErrNotReachable)
}

// ErrDamaged is piece.ErrDamaged.
var ErrDamaged = piece.ErrDamaged

// MaxCopies is the largest number of copies.
const MaxCopies = certificate.MaxCopies
