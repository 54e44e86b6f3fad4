package storage

import (
	"encoding/binary"
	"fmt"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/store"
)

// Keys of records of the offer.
var (
	offerKey  = []byte("offer")        // what a command said, and the setting that it went before
	chosenKey = []byte("offer chosen") // what this node has chosen by itself
)

// told is what this node was told to offer, in bytes or api.AutoOffer: by the last command,
// unless the setting was changed since; a flag of this start is such a change.
func (s *Storage) told() (int64, error) {
	b, err := s.records.Get(offerKey)
	if err != nil || len(b) != 16 || int64(binary.BigEndian.Uint64(b[8:])) != s.cfg.Told {
		return s.cfg.Told, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// Offer is how many bytes this node keeps for its ring: nothing, if it is to choose and cannot
// see its disk.
func (s *Storage) Offer() (int64, error) {
	told, err := s.told()
	if err != nil || told != api.AutoOffer {
		return told, err
	}
	var before int64
	b, err := s.records.Get(chosenKey)
	if err != nil {
		return 0, err
	}
	if len(b) == 8 {
		before = int64(binary.BigEndian.Uint64(b))
	}
	d, err := s.disk()
	if err != nil {
		s.cfg.Log.Warn("nothing is offered, as it is not known how much room the disk has: give a size, as in `phyllo offer 1GiB`", "err", err)
		return 0, nil
	}
	return s.choose(d, before)
}

// offerAnew takes what a command tells, durably, and returns the bytes that are offered now.
func (s *Storage) offerAnew(told int64) (bytes int64, err error) {
	if bytes = told; told == api.AutoOffer {
		d, err := s.disk()
		if err != nil {
			return 0, fmt.Errorf("how much room the disk has is not known: %w: give a size, as in `phyllo offer 1GiB`", err)
		}
		if bytes, err = s.choose(d, 0); err != nil {
			return 0, err
		}
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(told))
	if err := s.records.Put(offerKey, binary.BigEndian.AppendUint64(b, uint64(s.cfg.Told))); err != nil {
		return 0, err
	}
	s.KeepFree()
	return bytes, nil
}

// choose finds what this node offers by itself, and writes it down where that is new.
func (s *Storage) choose(d config.Disk, before int64) (int64, error) {
	bytes := config.ChooseOffer(d, before)
	if before != 0 {
		return bytes, nil // what others have put on the disk may go again
	}
	return bytes, s.records.Put(chosenKey, binary.BigEndian.AppendUint64(nil, uint64(bytes)))
}

// Blobbed is a store that keeps contents of files beside records, as that on the disk does.
type Blobbed interface{ Blobs() store.Blobs }

// disk looks how the disk stands. Contents that lie among the records are not counted as
// kept: they are small.
func (s *Storage) disk() (d config.Disk, err error) {
	if d.Free, d.Size, err = home.DiskSpace(s.cfg.Home.Dir); err != nil {
		return d, err
	}
	if b, ok := s.cfg.Store.(Blobbed); ok {
		space, err := b.Blobs().Space()
		if err != nil {
			return d, err
		}
		d.Kept = uint64(max(space.Used, 0))
	}
	return d, nil
}

// KeepFree keeps a tenth of the disk free while this node chooses its offer by itself. Who
// names a size has decided: then only what every store leaves free stays.
func (s *Storage) KeepFree() {
	b, ok := s.cfg.Store.(Blobbed)
	if !ok {
		return
	}
	blobs := b.Blobs()
	told, err := s.told()
	d, unknown := s.disk()
	space, closed := blobs.Space()
	if err != nil || unknown != nil || closed != nil {
		return // whatever is wrong with the disk, its first use says so
	}
	s.floor.CompareAndSwap(0, space.Limits.Floor)
	limits := store.Limits{Quota: space.Limits.Quota, Floor: s.floor.Load()}
	if told == api.AutoOffer {
		limits.Floor = max(limits.Floor, int64(d.Floor()))
	}
	blobs.SetLimits(limits)
}
