package room

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// pointers is how many epochs' heads are made to lead to the current one, and reminders of how many of
	// them letters are made anew that end soon, which is looked for once in remindEvery, at first within
	// remindWithin of the start.
	pointers, reminders = 4, 8
	remindEvery         = day
	remindWithin        = 15 * time.Minute
)

// pointOn makes the heads of epochs before the current one lead to it, for those who were away when
// it began: who began it does so, or one of those who stand in for him. Once a day anybody who is there looks whether the
// letters end to which they lead, and makes them anew in his turn.
func (h *hall) pointOn(t *task.T) error {
	m, s := h.rooms(), &h.shelf
	current := h.log.State().Epoch.Entry
	if current.IsZero() {
		return nil
	}
	begins := s.pointed != current && (h.log.Author(current) == h.acc.key || h.standsIn(current))
	if s.remind == 0 { // nodes that were started at one time do not look at one time
		after := h.rank(remindWithin)
		s.remind = m.ep.Now().Add(after)
		h.shelveIn(after)
	}
	reminds := !m.ep.Now().Before(s.remind)
	if !begins && !reminds {
		return nil
	}
	var before []peer.Secret
	h.log.EachEpoch(func(x id.Hash, p *entry.Epoch) {
		if k := h.keys[p.Proof]; x != current && !k.IsZero() {
			before = append(before, k)
		}
	})
	var late error
	for i, key := range before {
		back := len(before) - i
		if back > reminders || !reminds && back > pointers {
			continue
		}
		err := h.pointFrom(t, key, current, begins && back <= pointers, back == 1)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		late = cmp.Or(late, err)
	}
	if late == nil && begins {
		s.pointed = current
	}
	if reminds {
		s.remind = m.ep.Now().Add(remindEvery)
	}
	return late
}

// pointFrom makes one head lead to an epoch, if it is to in any case, or the letters end soon to which it leads. That of
// the epoch just before has what it had until then: if another epoch that began at once comes to be the current
// one, the head of that begins with it.
func (h *hall) pointFrom(t *task.T, key peer.Secret, to id.Hash, always, before bool) error {
	m := h.rooms()
	var letters *shelf.Next
	slim := false
	for range maxTries {
		head, err := m.shelf.Read(t, h.id, key)
		switch {
		case shelf.Useless(err):
			head = shelf.Empty(h.kept.Founding, head)
		case err != nil:
			return err
		}
		old := wayTo(head, to)
		if letters == nil {
			if wants, err := h.wantsLetters(t, head, old, always); err != nil || !wants {
				return err
			}
			all := false
			if letters, all, err = h.sendLetters(t, key, to, old); err != nil {
				return err
			}
			slim = all && (!before || old != nil)
		} else if old != nil && old.Ends >= letters.Ends {
			return nil // somebody else was faster: his letters stay, and what the head says besides goes by those
		}
		next := head.After()
		if slim {
			next.Slim()
		}
		next.Lead(letters)
		if err := m.shelf.Write(t, h.id, key, next); !errors.Is(err, shelf.ErrConflict) {
			return err
		}
	}
	return shelf.ErrConflict
}

// wayTo is how a head leads to an epoch; nil: it does not.
func wayTo(head *shelf.Head, to id.Hash) *shelf.Next {
	if at := slices.IndexFunc(head.Next, func(n *shelf.Next) bool { return n.Epoch == to }); at >= 0 {
		return head.Next[at]
	}
	return nil
}

// wantsLetters reports whether a head is to be made to lead to an epoch: it does not, and is to in any case or leads
// nowhere for long, or it is the user's turn to make the letters anew by which it does (old; nil: it does not). Of letters
// of which storage cannot say now when they end another look decides.
func (h *hall) wantsLetters(t *task.T, head *shelf.Head, old *shelf.Next, always bool) (bool, error) {
	ways := head.Next
	switch {
	case old != nil:
		ways = []*shelf.Next{old}
	case always:
		return true, nil
	}
	last := shelf.Next{}
	for _, n := range ways {
		d := *n
		if d.Ends == 0 {
			ends, known, err := h.endOf(t, n.Letters)
			if err != nil || !known {
				return false, err
			}
			d.Ends = ends
		}
		if time.UnixMilli(d.Ends).Sub(h.rooms().ep.Wall()) >= renewed {
			return false, nil
		}
		if last.Letters.IsZero() || last.Ends < d.Ends {
			last = d
		}
	}
	return h.isDue(last.Letters, last.Ends), nil
}

// sendLetters stores the key of an epoch for all who are in the room and can be found. Who cannot, as he was away for so
// long that his name has lapsed or this part of the ring does not know it, keeps the letter that he has by a way to the same
// epoch (old; nil: there is none). all reports that these are all who are in it.
func (h *hall) sendLetters(t *task.T, before peer.Secret, to id.Hash, old *shelf.Next) (n *shelf.Next, all bool, err error) {
	letters := new(shelf.Letters)
	var lacking []peer.Key
	for _, p := range h.log.State().People {
		if p.Role <= entry.Out {
			continue
		}
		l, err := h.letterTo(t, to, p)
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, false, err
		case err != nil:
			lacking = append(lacking, p.Key)
		default:
			letters.List = append(letters.List, l)
		}
	}
	if len(lacking) > 0 && old != nil {
		had, err := h.rooms().shelf.Letters(t, h.id, before, old.Letters)
		if err != nil && !shelf.Useless(err) {
			return nil, false, err // others would take the place of what may be read later
		}
		if err == nil {
			lacking = slices.DeleteFunc(lacking, func(to peer.Key) bool {
				l := had.For(to)
				if l != nil {
					letters.List = append(letters.List, l)
				}
				return l != nil
			})
		}
	}
	all = len(lacking) == 0 && len(letters.List) <= entry.MaxMembers
	letters.List = letters.List[:min(len(letters.List), entry.MaxMembers)]
	packer, err := h.packer(t)
	if err != nil {
		return nil, false, err
	}
	ends := h.ends()
	object, err := h.rooms().shelf.Send(t, h.id, before, letters, ends, packer)
	if err != nil {
		return nil, false, err
	}
	return &shelf.Next{Epoch: to, Letters: object, Ends: ends.UnixMilli()}, all, nil
}

// letterTo is the key of an epoch for somebody. The error is that of sealKey, or errOther where he has no name.
func (h *hall) letterTo(t *task.T, x id.Hash, p dag.Person) (*shelf.Letter, error) {
	if p.Name == "" {
		return nil, errOther
	}
	k, err := h.sealKey(t, x, p.Name, p.Key)
	if err != nil {
		return nil, err
	}
	return &shelf.Letter{To: p.Key, Number: k.Number, Sealed: k.Sealed}, nil
}
