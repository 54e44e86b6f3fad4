package config

import (
	"errors"

	"github.com/phyllo-net/phyllo/api"
)

// maxTenth bounds what a node offers that chooses by itself, in bytes: 20 GB.
const maxTenth = 20_000_000_000

// Disk is how a node's disk stands, in bytes.
type Disk struct {
	Size uint64
	Free uint64 // for this user
	Kept uint64 // of what is taken: by what the node keeps for its ring
}

// Floor is how much stays free on the disk of a node that chooses its offer by itself: a
// tenth of it.
func (d Disk) Floor() uint64 { return d.Size / 10 }

// ChooseOffer returns what a node offers that was left to choose, in bytes: what it chose
// at an earlier start, so that its ring can count on it; else, where before is 0, a tenth
// of what is free, 20 GB at most. It never offers what would leave less than Floor free.
func ChooseOffer(d Disk, before int64) int64 {
	n := uint64(max(before, 0))
	if n == 0 {
		n = min(d.Free/10, maxTenth)
	}
	room := d.Free + d.Kept
	room -= min(room, d.Floor())
	n = min(n, room, api.MaxOffer)
	return int64(n - n%api.MinOffer)
}

// ParseOffer reads what a node is to offer: "auto" is api.AutoOffer, "0" nothing, else a
// size from api.MinOffer to api.MaxOffer.
func ParseOffer(s string) (int64, error) {
	switch s {
	case "auto":
		return api.AutoOffer, nil
	case "0":
		return 0, nil
	}
	n, err := ParseSize(s)
	if err == nil {
		err = checkOffer(n)
	}
	return n, err
}

func checkOffer(v any) error {
	if n := v.(int64); n != api.AutoOffer && n != 0 && (n < api.MinOffer || n > api.MaxOffer) {
		return errors.New("out of range: auto, 0, or 1MiB to 1TiB, as in \"20GiB\"")
	}
	return nil
}

func offerText(n int64) string {
	switch n {
	case api.AutoOffer:
		return "auto"
	case 0:
		return "0"
	}
	return sizeText(n)
}
