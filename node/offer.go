package node

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
func (n *Node) told() (int64, error) {
	b, err := n.records.Get(offerKey)
	if err != nil || len(b) != 16 || int64(binary.BigEndian.Uint64(b[8:])) != n.cfg.Offer {
		return n.cfg.Offer, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// offer is how many bytes this node keeps for its ring: nothing, if it is to choose and cannot
// see its disk.
func (n *Node) offer() (int64, error) {
	told, err := n.told()
	if err != nil || told != api.AutoOffer {
		return told, err
	}
	var before int64
	b, err := n.records.Get(chosenKey)
	if err != nil {
		return 0, err
	}
	if len(b) == 8 {
		before = int64(binary.BigEndian.Uint64(b))
	}
	d, err := n.disk()
	if err != nil {
		n.log.Warn("nothing is offered, as it is not known how much room the disk has: give a size, as in `phyllo offer 1GiB`", "err", err)
		return 0, nil
	}
	return n.choose(d, before)
}

// offerAnew takes what a command tells, durably, and returns the bytes that are offered now.
func (n *Node) offerAnew(told int64) (bytes int64, err error) {
	if bytes = told; told == api.AutoOffer {
		d, err := n.disk()
		if err != nil {
			return 0, fmt.Errorf("how much room the disk has is not known: %w: give a size, as in `phyllo offer 1GiB`", err)
		}
		if bytes, err = n.choose(d, 0); err != nil {
			return 0, err
		}
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(told))
	if err := n.records.Put(offerKey, binary.BigEndian.AppendUint64(b, uint64(n.cfg.Offer))); err != nil {
		return 0, err
	}
	n.keepFree()
	return bytes, nil
}

// choose finds what this node offers by itself, and writes it down where that is new.
func (n *Node) choose(d config.Disk, before int64) (int64, error) {
	bytes := config.ChooseOffer(d, before)
	if before != 0 {
		return bytes, nil // what others have put on the disk may go again
	}
	return bytes, n.records.Put(chosenKey, binary.BigEndian.AppendUint64(nil, uint64(bytes)))
}

// blobbed is a store that keeps contents of files beside records, as that on the disk does.
type blobbed interface{ Blobs() store.Blobs }

// disk looks how the disk stands. Contents that lie among the records are not counted as
// kept: they are small.
func (n *Node) disk() (d config.Disk, err error) {
	if d.Free, d.Size, err = home.DiskSpace(n.home.Dir); err != nil {
		return d, err
	}
	if s, ok := n.store.(blobbed); ok {
		space, err := s.Blobs().Space()
		if err != nil {
			return d, err
		}
		d.Kept = uint64(max(space.Used, 0))
	}
	return d, nil
}

// keepFree keeps a tenth of the disk free while this node chooses its offer by itself. Who
// names a size has decided: then only what every store leaves free stays.
func (n *Node) keepFree() {
	s, ok := n.store.(blobbed)
	if !ok {
		return
	}
	blobs := s.Blobs()
	told, err := n.told()
	d, unknown := n.disk()
	space, closed := blobs.Space()
	if err != nil || unknown != nil || closed != nil {
		return // whatever is wrong with the disk, its first use says so
	}
	n.floor.CompareAndSwap(0, space.Limits.Floor)
	limits := store.Limits{Quota: space.Limits.Quota, Floor: n.floor.Load()}
	if told == api.AutoOffer {
		limits.Floor = max(limits.Floor, int64(d.Floor()))
	}
	blobs.SetLimits(limits)
}
