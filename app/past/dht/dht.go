package dht

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Copies is how many copies of an entry are kept unless somebody wants another number.
const Copies = 5

// MaxCopies is the largest number of copies.
const MaxCopies = certificate.MaxCopies

// MaxKey is the longest key, in bytes.
const MaxKey = 1024

// MaxValue is the largest value, in bytes: an entry has room for the hashes of all rivals, too.
const MaxValue = past.MaxContent - 304

var (
	// ErrNotFound: the entry has no value.
	ErrNotFound = errors.New("there is no value under this key")
	// ErrConflict: see ConflictError.
	ErrConflict = errors.New("another version is current")
	// ErrKey: a key is empty, or longer than MaxKey.
	ErrKey = errors.New("not a key: it has 1 to 1024 bytes")
	// ErrTooLarge: a value has more than MaxValue bytes.
	ErrTooLarge = fmt.Errorf("the value has more than %d bytes", MaxValue)
)

// ConflictError says which version is current instead of the one that was to be changed, or
// that its number says too little as the entry has rivals. It is an ErrConflict.
type ConflictError struct {
	Version uint64 // 0: the entry has no value
	Rivals  int    // that are not settled: see Entry
}

// Error implements error.
func (e *ConflictError) Error() string {
	if e.Rivals > 0 {
		return fmt.Sprintf("version %d is current, and %d other values were put where it was out of sight: a change without a condition settles them", e.Version, e.Rivals)
	}
	if e.Version == 0 {
		return "the entry has no value now"
	}
	return fmt.Sprintf("version %d is current", e.Version)
}

// Is makes the error an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Reader is a hash table as everybody can read it who knows whose it is. Its methods are for
// tasks of the node whose Past it uses; they return task.ErrStopped when the node stops.
type Reader struct {
	past   *past.Past
	owner  peer.Key
	copies uint8
}

// Of returns the table of an owner, of whose entries so many copies are kept: 1 to MaxCopies.
func Of(p *past.Past, owner peer.Key, copies uint8) Reader { return Reader{p, owner, copies} }

// Table is a hash table as its owner has it. What holds for a Reader's methods holds for it.
type Table struct {
	Reader
	signer peer.Signer
	watch  *Watch // nil: nobody watches
}

// New returns the table of an owner, of whose entries so many copies are kept: 1 to
// MaxCopies.
func New(p *past.Past, owner peer.Signer, copies uint8) Table {
	return Table{Reader: Of(p, owner.Public(), copies), signer: owner}
}

// Entry is an entry that has a value.
type Entry struct {
	Value   []byte
	Version uint64
	// Holders is how many nodes keep a copy: as many as are wanted, or all of a smaller
	// ring, whose next members take the rest.
	Holders int
	// Rivals is how many other values were put while parts of the ring had lost sight of each
	// other, and not settled since: see Reader.Rivals.
	Rivals int
	// Apart is how many nodes keep the entry of which no majority had a say in this value, as they
	// have been away for half a minute; 0: a majority had. What they put meanwhile meets it when they are back.
	Apart int
}

// value is what the object of an entry contains. An entry that was removed stays an object,
// so that its next value has a higher version.
type value struct {
	There bool   `cbor:"1,keyasint,omitempty"`
	Bytes []byte `cbor:"2,keyasint,omitempty"`
	// Settled are the rivals that were there when somebody changed the entry: certificates.
	Settled []id.Hash `cbor:"3,keyasint,omitempty"`
}

// part is that of a key.
func part(key string) certificate.Part { return certificate.NamePart([]byte("phyllo dht"), key) }

// Get returns the value of a key. Errors: ErrKey, ErrNotFound, past.ErrNotReachable. With
// ErrNotFound comes how many rivals the entry has that has no value.
func (d Reader) Get(t *task.T, key string) (Entry, error) {
	s, err := d.read(t, key)
	switch {
	case err != nil:
		return Entry{}, err
	case !s.There:
		return Entry{Rivals: len(s.open())}, ErrNotFound
	}
	return s.entry(), nil
}

// Put sets the value of a key, whatever it was, and settles its rivals; where a majority of the
// nodes that keep it has been away for half a minute, without it (Entry.Apart). Errors: ErrKey, ErrTooLarge; an
// ErrConflict only if others change the entry again and again; those of past.Past.Change.
func (d Table) Put(t *task.T, key string, data []byte) (Entry, error) {
	return d.change(t, key, value{There: true, Bytes: data}, nil)
}

// PutIf sets the value of a key if it has a certain version now, 0 for a key that has no
// value, and no rivals: these may have the same number. Errors: a *ConflictError; past.ErrNotReachable
// where a majority of the nodes that keep it is away; those of Put.
func (d Table) PutIf(t *task.T, key string, version uint64, data []byte) (Entry, error) {
	return d.change(t, key, value{There: true, Bytes: data}, &version)
}

// Remove removes the value of a key, and settles its rivals; that there is none is no error.
// Errors: those of Put.
func (d Table) Remove(t *task.T, key string) error {
	_, err := d.change(t, key, value{}, nil)
	return err
}

// RemoveIf removes the value of a key if it has a certain version now, and no rivals. Errors:
// a *ConflictError; those of Put.
func (d Table) RemoveIf(t *task.T, key string, version uint64) error {
	_, err := d.change(t, key, value{}, &version)
	return err
}

// state is what an entry's object says.
type state struct {
	value
	version uint64 // of the object: also of one without a value; 0: there is no object
	holders int
	rivals  []id.Hash // certificates, settled ones too
	apart   int       // see Entry.Apart
}

func (s state) entry() Entry {
	return Entry{Value: s.Bytes, Version: s.version, Holders: s.holders, Rivals: len(s.open()), Apart: s.apart}
}

// seen is the version as callers know it.
func (s state) seen() uint64 {
	if s.There {
		return s.version
	}
	return 0
}

// CheckKey returns ErrKey unless an entry can have this key.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return ErrKey
	}
	return nil
}

func (d Reader) read(t *task.T, key string) (s state, err error) {
	if err := CheckKey(key); err != nil {
		return s, err
	}
	f, err := d.past.Latest(t, past.Name{Owner: d.owner, Part: part(key), Copies: d.copies})
	switch {
	case errors.Is(err, past.ErrNotFound):
		return s, nil
	case err != nil:
		return s, err
	}
	if err := wire.Unmarshal(f.Content, &s.value); err != nil {
		return s, fmt.Errorf("the entry is none of this table: %w", err) // its owner signed something else
	}
	s.version, s.holders, s.rivals, s.apart = f.Certificate.Version, f.Holders, f.Rivals, f.Apart
	return s, nil
}

// maxRounds is how often a change is tried that others come before.
const maxRounds = 16

// change makes v current, in place of a certain version if one is given.
func (d Table) change(t *task.T, key string, v value, only *uint64) (Entry, error) {
	if len(v.Bytes) > MaxValue {
		return Entry{}, ErrTooLarge
	}
	var last ConflictError
	for range maxRounds {
		have, err := d.read(t, key)
		switch {
		case err != nil:
			return Entry{}, err
		case only != nil && have.apart > 0:
			return Entry{}, past.ErrApart
		case only != nil && (have.seen() != *only || len(have.open()) > 0):
			return Entry{}, &ConflictError{have.seen(), len(have.open())}
		case !v.There && !have.There && len(have.open()) == 0:
			return Entry{}, nil
		}
		var done []id.Hash
		v.Settled, done = have.settle()
		f, err := d.past.Edit(t, past.Edit{Part: part(key), Copies: d.copies, Replaces: have.version, Content: wire.MustMarshal(&v), Resolves: done,
			Apart: only == nil}, d.signer)
		if err == nil {
			d.watch.note(key, d.copies)
			return Entry{Value: v.Bytes, Version: f.Certificate.Version, Holders: f.Holders, Apart: f.Apart}, nil
		}
		if !errors.Is(err, past.ErrConflict) {
			return Entry{}, err
		}
		// What the root alone says of the winner is not believed: it is read.
		last = ConflictError{have.seen(), len(have.open())}
	}
	return Entry{}, &last
}
