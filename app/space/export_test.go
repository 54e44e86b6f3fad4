package space

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/task"
)

// Spoil gives so many fragments of the topmost object of an archived content back, as if their
// nodes had died.
func (sp *Space) Spoil(t *task.T, c piece.Content, n int) error {
	ids, err := sp.s.archives.IDs(t, c.Ref)
	for i := range n {
		err = errors.Join(err, sp.s.cfg.Past.Reclaim(t, ids[i], sp.signerOf(c.Ref)))
	}
	return err
}

// AskedAt returns at which of so many sweeps an object is asked for that is never found.
func AskedAt(sweeps int) (at []int) {
	var p pause
	for n := range sweeps {
		if p.over() {
			at, p = append(at, n), p.again()
		}
	}
	return at
}
