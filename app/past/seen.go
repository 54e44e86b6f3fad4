package past

import (
	"encoding/binary"
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// maxSeen bounds what is remembered in memory of what lies in SeenTable.
const maxSeen = 4096

// seenIn is what this node's own readers have seen of mutable objects: the highest version of
// each, in SeenTable, and the last ones in memory too.
type seenIn map[id.Hash]uint64

// see notes on the disk that a reader of this node has seen a version, 0 for none, and returns
// the highest that it has. A disk that fails does not keep anybody from reading: then
// it is remembered for as long as the node runs. The error is task.ErrStopped.
func (p *Past) see(t *task.T, o id.Hash, version uint64) (highest uint64, err error) {
	if known := p.seen[o]; known != 0 && known >= version {
		return known, nil
	}
	st := p.cfg.Store
	highest, err = task.Work(t, disk, func() (uint64, error) {
		b, err := st.Get(SeenTable, o[:])
		switch {
		case err == nil && len(b) == 8 && binary.BigEndian.Uint64(b) >= version:
			return binary.BigEndian.Uint64(b), nil
		case version == 0 || err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt):
			return version, nil
		}
		return version, st.Put(SeenTable, o[:], binary.BigEndian.AppendUint64(nil, version))
	})
	switch {
	case errors.Is(err, task.ErrStopped):
		return 0, err
	case err != nil:
		highest = version
	}
	if len(p.seen) >= maxSeen {
		clear(p.seen)
	}
	highest = max(highest, p.seen[o]) // another task may have seen more meanwhile
	if highest > 0 {
		p.seen[o] = highest
	}
	return highest, nil
}
