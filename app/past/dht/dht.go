package past

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// DHT is a plain hash table over mutable objects: each owner has keys of his own, and
// whoever knows an owner's key reads what he put there. Its methods are for tasks of the
// node.
type DHT struct {
	past   *Past
	copies uint8
}

// DHT returns a hash table that keeps so many copies of each value, 1 to
// certificate.MaxCopies. All who use a key must name the same number.
func (p *Past) DHT(copies uint8) DHT { return DHT{p, copies} }

// MaxValue is the largest value of a DHT, in bytes.
const MaxValue = MaxContent - 16

// value is what the object of a key contains. A key that was removed stays an object, so
// that its next value has a higher version.
type value struct {
	There bool   `cbor:"1,keyasint,omitempty"`
	Bytes []byte `cbor:"2,keyasint,omitempty"`
}

// dhtPart is that of a key.
func dhtPart(key string) certificate.Part { return certificate.NamePart([]byte("phyllo dht"), key) }

// Put sets the owner's value of a key, whatever it was. Errors: see Past.Change;
// ErrConflict only if others change the key again and again.
func (d DHT) Put(t *task.T, key string, data []byte, owner peer.Signer) error {
	if len(data) > MaxValue {
		return ErrTooLarge
	}
	return d.set(t, key, value{There: true, Bytes: data}, owner)
}

// Remove removes the owner's value of a key; that there is none is no error. Errors: as
// those of Put.
func (d DHT) Remove(t *task.T, key string, owner peer.Signer) error {
	return d.set(t, key, value{}, owner)
}

// Get returns an owner's value of a key. Errors: ErrNotFound, ErrNotReachable,
// task.ErrStopped.
func (d DHT) Get(t *task.T, key string, owner peer.Key) ([]byte, error) {
	v, _, err := d.read(t, key, owner)
	switch {
	case err != nil:
		return nil, err
	case !v.There:
		return nil, ErrNotFound
	}
	return v.Bytes, nil
}

// read returns a value and its version, of which 0 is none.
func (d DHT) read(t *task.T, key string, owner peer.Key) (v value, version uint64, err error) {
	f, err := d.past.Current(t, Name{owner, dhtPart(key), d.copies})
	switch {
	case errors.Is(err, ErrNotFound):
		return value{}, 0, nil
	case err != nil:
		return value{}, 0, err
	}
	if err := wire.Unmarshal(f.Content, &v); err != nil {
		return value{}, 0, err // its owner signed something else
	}
	return v, f.Certificate.Version, nil
}

// maxRounds is how often a change is tried that others come before.
const maxRounds = 16

func (d DHT) set(t *task.T, key string, v value, owner peer.Signer) error {
	var err error
	for range maxRounds {
		have, version, rerr := d.read(t, key, owner.Public())
		if rerr != nil {
			return rerr
		}
		if !v.There && !have.There {
			return nil
		}
		_, err = d.past.Change(t, dhtPart(key), d.copies, version, wire.MustMarshal(&v), owner)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}
