package past

import (
	"encoding/binary"
	"errors"

	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// maxSeen bounds what is remembered in memory of what lies in SeenTable.
const maxSeen = 4096

// seenIn is what this node's own readers have seen of mutable objects: the highest version of
// each, in SeenTable, and the last ones in memory too.
type seenIn map[id.Hash]client.Sighting

// older reports whether one sighting says less than another, or is of another version with the
// same number: of these the last one counts.
func older(a, b client.Sighting) bool {
	return a.Version < b.Version || a.Version == b.Version && !b.Certificate.IsZero() && a.Certificate != b.Certificate
}

// see notes on the disk that a reader of this node has seen a version, and returns the highest
// that it has. A disk that fails does not keep anybody from reading: then
// it is remembered for as long as the node runs. The error is task.ErrStopped.
func (p *Past) see(t *task.T, o id.Hash, now client.Sighting) (highest client.Sighting, err error) {
	if known, have := p.seen[o]; have && !older(known, now) {
		return known, nil
	}
	st := p.cfg.Store
	highest, err = task.Work(t, disk, func() (client.Sighting, error) {
		b, err := st.Get(SeenTable, o[:])
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
			return now, err
		}
		if was := readSighting(b); now.Version == 0 || !older(was, now) {
			return was, nil
		}
		return now, st.Put(SeenTable, o[:], append(binary.BigEndian.AppendUint64(nil, now.Version), now.Certificate[:]...))
	})
	switch {
	case errors.Is(err, task.ErrStopped):
		return client.Sighting{}, err
	case err != nil:
		highest = now
	}
	if len(p.seen) >= maxSeen {
		clear(p.seen)
	}
	if known := p.seen[o]; known.Version > highest.Version {
		highest = known // another task saw more meanwhile
	}
	if highest.Version > 0 {
		p.seen[o] = highest
	}
	return highest, nil
}

// readSighting reads what see wrote; records of earlier versions of the program end after the
// number.
func readSighting(b []byte) (s client.Sighting) {
	if len(b) >= 8 {
		s.Version = binary.BigEndian.Uint64(b)
		copy(s.Certificate[:], b[8:])
	}
	return s
}
