package topic

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is how topics outlive those who keep them: the charters of those who live here are
// on the disk, and are brought back.

const (
	// disk bounds what is read or written at once.
	disk = time.Minute
	// reviveFirst is how long after the start the topics of this node are looked for, and
	// reviveEvery how often later.
	reviveFirst = 5 * time.Second
	reviveEvery = time.Hour
)

// owned is a topic of one who lives here.
type owned struct {
	Charter *msg.Charter `cbor:"1,keyasint"`
}

// own returns a topic of one who lives here, nil if there is none.
func (s *Topics) own(group id.Hash) *owned {
	i := slices.IndexFunc(s.owned, func(o *owned) bool { return o.Charter.Group(s.cfg.Ring) == group })
	if i < 0 {
		return nil
	}
	return s.owned[i]
}

// save keeps a charter, on the disk first.
func (s *Topics) save(t *task.T, c *msg.Charter) error {
	group := c.Group(s.cfg.Ring)
	if s.own(group) == nil && len(s.owned) >= s.cfg.MaxOwned {
		return ErrLimit
	}
	st, o := s.cfg.Store, &owned{c}
	_, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, st.Put(Table, group[:], wire.MustMarshal(o))
	})
	if err != nil {
		return fmt.Errorf("keeping the topic %s: %w", c.Name, err)
	}
	if old := s.own(group); old != nil {
		old.Charter = c
	} else {
		s.owned = append(s.owned, o)
	}
	return nil
}

// load reads what is on the disk. What is damaged is left out.
func (s *Topics) load(t *task.T) error {
	st, ring, most := s.cfg.Store, s.cfg.Ring, s.cfg.MaxOwned
	list, err := task.Work(t, disk, func() (list []*owned, err error) {
		err = st.Scan(Table, store.Range{Limit: most}, func(key, value []byte) bool {
			o := new(owned)
			if wire.Unmarshal(value, o) == nil && o.Charter != nil && o.Charter.Check() == nil {
				if group := o.Charter.Group(ring); string(group[:]) == string(key) {
					list = append(list, o)
				}
			}
			return true
		})
		return list, err
	})
	for _, o := range list {
		if s.own(o.Charter.Group(ring)) == nil {
			s.owned = append(s.owned, o)
		}
	}
	return err
}

// keepAlive brings back the topics of those who live here, if nobody keeps them any more, and
// keeps their names fresh.
func (s *Topics) keepAlive(t *task.T) error {
	for err := s.load(t); err != nil; err = s.load(t) {
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		if err := t.Sleep(reviveFirst); err != nil {
			return err
		}
	}
	kept := make(map[id.Hash]bool)
	for wait := reviveFirst; ; wait = reviveEvery {
		if err := t.Sleep(wait/2 + time.Duration(s.ep.Rand().Int64N(int64(wait)))); err != nil {
			return err
		}
		for _, o := range slices.Clone(s.owned) {
			group, by := o.Charter.Group(s.cfg.Ring), s.signer(o.Charter.Creator)
			if by == nil {
				continue // its owner lives here no longer
			}
			if !kept[group] {
				kept[group] = true
				s.refresh(o.Charter, by)
			}
			if err := s.cfg.Scribe.Create(t, o.Charter); errors.Is(err, task.ErrStopped) {
				return err
			}
		}
	}
}

// refresh keeps the name of a topic of the ring fresh from now on.
func (s *Topics) refresh(c *msg.Charter, by peer.Signer) {
	if n, err := ParseName(c.Name); err == nil && n.Owner == "" {
		s.cfg.Directory.Keep(s.claimed(n, by), by)
	}
}
