package spaces

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/task"
)

// Count counts over all spaces of people how many nodes keep what they have stored. What of a
// space cannot be counted is said.
func (h *Here) Count(t *task.T, people []space.Person) (*api.Copies, error) {
	var sum space.Census
	c := new(api.Copies)
	for _, p := range people {
		es, err := h.listOf(t, p, true)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			x, err := h.census(t, p, e)
			if errors.Is(err, task.ErrStopped) {
				return nil, err
			}
			if err != nil && c.Trouble == "" {
				c.Trouble = "the space " + e.Name + " could not be counted: " + err.Error()
			}
			sum = sum.Add(x)
		}
	}
	*c = shownCensus(sum, c.Trouble)
	return c, nil
}

// census counts in one space.
func (h *Here) census(t *task.T, p space.Person, e space.Entry) (space.Census, error) {
	sp, err := h.spaces.Open(t, p, e.Handle)
	if err != nil {
		return space.Census{}, err
	}
	return sp.Census(t)
}

func shownCensus(x space.Census, trouble string) api.Copies {
	return api.Copies{
		Objects: x.Objects, Whole: x.Whole, OnlyHere: x.OnlyHere, Missing: x.Missing, Counted: time.Now().UTC(), Trouble: trouble,
	}
}

// Uses is what is in each of a person's spaces, and how many nodes keep it now.
func (h *Here) Uses(t *task.T, p space.Person) (uses []api.SpaceUse, err error) {
	es, err := h.listOf(t, p, true)
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		use, err := h.use(t, p, e)
		if err != nil {
			return uses, err
		}
		uses = append(uses, use)
	}
	return uses, nil
}

// use is what is in a space, and how many nodes keep it now.
func (h *Here) use(t *task.T, p space.Person, e space.Entry) (api.SpaceUse, error) {
	use := api.SpaceUse{Name: e.Name}
	sp, err := h.spaces.Open(t, p, e.Handle)
	if err != nil {
		return use, err
	}
	if err := sp.Look(t, func(sn space.Snapshot) error {
		use.Files, use.Bytes = sn.Names(), sn.Bytes()
		return nil
	}); err != nil {
		return use, err
	}
	x, err := sp.Census(t)
	use.Copies = shownCensus(x, "")
	return use, err
}

// countRows counts the copies of listed files.
func (h *Here) countRows(t *task.T, rows []row, into []api.File) error {
	vs := make([]*tree.Version, len(rows))
	for i, r := range rows {
		vs[i] = r.v
	}
	counts, err := h.spaces.CopiesOf(t, vs)
	if err != nil {
		return err
	}
	for i, n := range counts {
		into[i].Copies = n
	}
	return nil
}
