package space

import (
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/task"
)

// counted is how many objects of a content Copies asks for at most.
const counted = 64

// Copies counts how many nodes keep a content now, of which so many copies are wanted, or
// fragments: as many as of that of its pieces which has fewest. Of a long content some pieces are asked for, evenly
// spread. An empty one has all its copies.
//
// Errors: those of Spaces.ReadAt.
func (s *Spaces) Copies(t *task.T, c piece.Content, wanted int) (int, error) {
	pieces, lists, err := s.leaves(t, c)
	if err != nil {
		return 0, err
	}
	all := append(lists, pieces...)
	step := max(1, (len(all)+counted-1)/counted)
	least := wanted
	err = s.each(t, (len(all)+step-1)/step, func(t *task.T, i int) error {
		n, err := s.count(t, all[i*step], wanted)
		least = min(least, n)
		return err
	})
	return least, err
}

func (s *Spaces) count(t *task.T, r piece.Ref, wanted int) (int, error) {
	if !r.Code.IsZero() {
		return s.archives.Count(t, r)
	}
	return s.cfg.Past.Count(t, r.Object, wanted)
}
