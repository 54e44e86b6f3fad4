package dht

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxRivals is how many settled rivals of an entry can still be read for certain. It is less
// than storage keeps (certificate.MaxRivals), so that there is room for others.
const MaxRivals = 4

// Rival is a value that lost its place when parts of the ring met.
type Rival struct {
	Value   []byte
	Version uint64    // which the current value may have, too
	Time    time.Time // when it was put, by the clock of who put it
	Removed bool      // the value was removed there
	Settled bool      // the entry was changed since they met
}

// Check implements wire.Checker.
func (v *value) Check() error {
	if len(v.Settled) > certificate.MaxRivals {
		return fmt.Errorf("an entry with %d settled rivals, at most %d", len(v.Settled), certificate.MaxRivals)
	}
	return nil
}

// open are the rivals that nobody has settled.
func (s state) open() (open []id.Hash) {
	for _, h := range s.rivals {
		if !slices.Contains(s.Settled, h) {
			open = append(open, h)
		}
	}
	return open
}

// settle returns the rivals that the next change leaves settled, the last ones first, and those
// that are not kept any more after it. What was not settled before stays.
func (s state) settle() (settled, done []id.Hash) {
	settled = s.open()
	for _, h := range s.Settled {
		switch {
		case !slices.Contains(s.rivals, h):
		case len(settled) < MaxRivals:
			settled = append(settled, h)
		default:
			done = append(done, h)
		}
	}
	return settled, done
}

// Rivals reads the values that lost their place, those first that are not settled. Errors:
// ErrKey, past.ErrNotReachable.
func (d Reader) Rivals(t *task.T, key string) (rivals []Rival, err error) {
	s, err := d.read(t, key)
	if err != nil {
		return nil, err
	}
	open := s.open()
	list := slices.Clone(open)
	for _, h := range s.Settled {
		if slices.Contains(s.rivals, h) {
			list = append(list, h)
		}
	}
	for i, h := range list {
		f, err := d.past.Rival(t, past.Name{Owner: d.owner, Part: part(key), Copies: d.copies}, h)
		switch {
		case errors.Is(err, past.ErrNotFound):
			continue // let go meanwhile
		case err != nil:
			return nil, err
		}
		var v value
		if err := wire.Unmarshal(f.Content, &v); err != nil {
			return nil, fmt.Errorf("a rival of the entry is none of this table: %w", err)
		}
		rivals = append(rivals, Rival{Value: v.Bytes, Version: f.Certificate.Version, Time: time.UnixMilli(f.Certificate.Date),
			Removed: !v.There, Settled: i >= len(open)})
	}
	return rivals, nil
}
