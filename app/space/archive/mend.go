package archive

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// missing are the fragments that nobody has where they belong.
func (a *Archives) missing(t *task.T, r piece.Ref) (missing []int, err error) {
	ids, err := a.IDs(t, r)
	if err != nil {
		return nil, err
	}
	ws := make([]past.Wanted, len(ids))
	for i, o := range ids {
		ws[i] = past.Wanted{Object: o, Copies: 1}
	}
	cs, err := a.past.Count(t, ws...)
	for i, c := range cs {
		if c.Copies == 0 {
			missing = append(missing, i)
		}
	}
	return missing, err
}

// Mend makes the missing fragments anew, if they are more than are waited for. It returns how
// many were made.
//
// Errors: ErrNotOwner, and those of Fetch, past.Past.Count and past.Past.Store.
func (a *Archives) Mend(t *task.T, r piece.Ref, expires time.Time, owner peer.Signer) (made int, err error) {
	if err := r.Code.Check(); err != nil || r.Code.IsZero() {
		return 0, errors.Join(piece.ErrDamaged, err)
	}
	missing, err := a.missing(t, r)
	if err != nil || int(r.Code.Total)-len(missing) >= enough(r.Code) {
		return 0, err
	}
	content, err := a.Fetch(t, r)
	if err != nil {
		return 0, err
	}
	c, err := task.Work(t, work, func() (coded, error) {
		c, err := encode(content, r.Code)
		if err == nil && c.root != r.Hash {
			err = piece.ErrDamaged // its owner coded it wrong
		}
		return c, err
	})
	if err != nil {
		return 0, err
	}
	made, err = a.put(t, r, c, missing, expires, owner)
	if made > 0 && !errors.Is(err, task.ErrStopped) {
		err = nil // the others at the next time
	}
	return made, err
}

// Lost reports whether an error of Fetch or Mend says that a content cannot be made whole any more.
func Lost(err error) bool { return errors.Is(err, past.ErrNotFound) }
