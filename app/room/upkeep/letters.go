package upkeep

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
	// pointers is how many epochs' heads are made to lead to a new one. Once in remindEvery, at first within
	// remindWithin of the start, it is looked whether the letters end soon to which heads lead, or lack somebody: those
	// to which the heads of the reminders epochs before the current one do, and, in turn, of as many of all before them.
	pointers, reminders = 4, 8
	remindEvery         = Day
	remindWithin        = 15 * time.Minute
	// headsAtOnce is how many heads of epochs before the current one are read at once to know which packs they name.
	headsAtOnce = 16
)

// pointing is one look at the heads that are to lead to an epoch.
type pointing struct {
	to id.Hash
	// letters are those with its key, by whom they are for, of all who were looked for; nil: he cannot be found.
	letters map[peer.Key]*shelf.Letter
	// newcomers are those who came for the first time when it had begun, and earlier the epochs that come before it, as the log
	// said when it had so many entries; 0: nobody asked yet. For all heads of one look that is found out once if nothing comes.
	newcomers map[peer.Key]bool
	earlier   map[id.Hash]bool
	entries   int
}

// LeadOn makes the heads of epochs before the current one lead to it, for those who were away when
// it began: who began it does so, or one of those who stand in for him. Once a day anybody who is there looks whether the
// letters end to which they lead, and makes them anew in his turn, or whether somebody lacks his who can be found now.
func (u *Upkeep) LeadOn(t *task.T) error {
	p := pointing{to: u.Log.State().Epoch.Entry, letters: map[peer.Key]*shelf.Letter{}}
	if p.to.IsZero() {
		return nil
	}
	begins := u.pointed != p.to && (u.Log.Author(p.to) == u.Book.User || u.StandsIn(p.to))
	if u.remind == 0 { // nodes that were started at one time do not look at one time
		after := u.Moment(remindWithin)
		u.remind = u.Env.Now().Add(after)
		u.Look(after)
	}
	reminds := !u.Env.Now().Before(u.remind)
	if !begins && !reminds {
		return nil
	}
	before := u.before(p.to)
	var late error
	today := int(u.Env.Wall().Unix() / int64(Day/time.Second))
	for i, x := range before {
		back := len(before) - i
		always := begins && back <= pointers
		if !always && !(reminds && inTurn(i, len(before), today)) {
			continue
		}
		err := u.pointFrom(t, x, &p, always, back == 1)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		late = cmp.Or(late, err)
	}
	if late == nil && begins {
		u.pointed = p.to
	}
	if reminds {
		u.remind = u.Env.Now().Add(remindEvery)
	}
	return late
}

// before are the epochs but one whose keys are here.
func (u *Upkeep) before(to id.Hash) (list []id.Hash) {
	u.Log.EachEpoch(func(x id.Hash, _ *entry.Epoch) {
		if x != to && !u.Key(x).IsZero() {
			list = append(list, x)
		}
	})
	return list
}

// older is what the head of an epoch said that was not the current one.
type older struct {
	serves  []*shelf.Ref // packs that somebody needs
	current id.Hash      // the epoch that was current when it was read
	read    task.Instant
	apart   bool // something of it may have been out of sight
}

// learn notes what the head of an epoch says that is not the current one. Where it does not lead on yet, or somebody lacks his
// letter by the last way on, what came until then is for him in its packs alone.
func (u *Upkeep) learn(x, current id.Hash, head *shelf.Head) {
	o := older{current: current, read: u.Env.Now(), apart: head.Apart()}
	if n := len(head.Next); n == 0 || head.Next[n-1].Lacks > 0 {
		o.serves = head.Packs
	}
	u.older[x] = o
}

// learnAll reads the heads of all epochs but the current one, some of them at a time, and reports whether it is known of all
// what they say. What was read while another epoch was current, or a day ago, does not count: others may have led them on since.
func (u *Upkeep) learnAll(t *task.T, current id.Hash) (bool, error) {
	reads := 0
	for _, x := range u.before(current) {
		if o, ok := u.older[x]; ok && !o.apart && o.current == current && u.Env.Now().Sub(o.read) < remindEvery {
			continue
		}
		if reads == headsAtOnce {
			u.Again()
			return false, nil
		}
		reads++
		head, err := u.readOlder(t, x)
		if err != nil {
			return false, err
		}
		if u.learn(x, current, head); head.Apart() {
			return false, nil // another look decides
		}
	}
	for _, x := range u.before(current) { // its key may have come meanwhile
		if _, known := u.older[x]; !known {
			return false, nil
		}
	}
	return true, nil
}

// readOlder reads the head of an epoch; it is empty where there is none, or nothing that makes sense.
func (u *Upkeep) readOlder(t *task.T, x id.Hash) (*shelf.Head, error) {
	head, err := u.Shelf.Read(t, u.Book.Room, u.Key(x))
	if shelf.Useless(err) {
		return shelf.Empty(u.Founding, head), nil
	}
	return head, err
}

// inTurn reports whether today the letters are looked at to which the head of the i-th of so many epochs before the
// current one leads. The older ones have as many turns as it takes, and some more, so that 2, 3, 5 and 7 do not divide their
// number: all come about also for a member who looks on one day of a week or a month only.
func inTurn(i, epochs, today int) bool {
	older := epochs - reminders
	if i >= older {
		return true
	}
	turns := (older + reminders - 1) / reminders
	for turns%2 == 0 || turns%3 == 0 || turns%5 == 0 || turns%7 == 0 {
		turns++
	}
	first := today * 3 % turns * older / turns // turns overlap: by threes those of days that follow do so less
	return (i-first+older)%older < reminders
}

// pointFrom makes the head of one epoch lead to another, if it is to in any case, or the letters end soon to which it leads. That of
// the epoch just before has what it had until then: if another epoch that began at once comes to be the current
// one, the head of that begins with it.
func (u *Upkeep) pointFrom(t *task.T, from id.Hash, p *pointing, always, before bool) error {
	room, key := u.Book.Room, u.Key(from)
	var letters *shelf.Next
	slim := false
	for range maxTries {
		head, err := u.readOlder(t, from)
		if err != nil {
			return err
		}
		u.learn(from, p.to, head)
		old := wayTo(head, p.to)
		if letters == nil {
			if wants, err := u.wantsLetters(t, key, p, head, old, always); err != nil || !wants {
				return err
			}
			all := false
			if letters, all, err = u.sendLetters(t, from, p, old); err != nil {
				return err
			}
			slim = all && (!before || old != nil)
		} else if old != nil && !letters.Beats(old) {
			return nil // somebody else was faster: his letters stay, and what the head says besides goes by those
		}
		next := head.After()
		if slim {
			next.Slim()
		}
		next.Lead(letters)
		delete(u.older, from) // what it says is not known where the write breaks off
		switch err := u.Shelf.Write(t, room, key, next); {
		case err == nil:
			u.learn(from, p.to, next)
			return nil
		case !errors.Is(err, shelf.ErrConflict):
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
// nowhere for long, or somebody who can be found lacks his letter by the last way on, or it is the user's turn to make the
// letters anew by which it does (old; nil: it does not). Of letters of which storage cannot say now when they end another
// look decides.
func (u *Upkeep) wantsLetters(t *task.T, key peer.Secret, p *pointing, head *shelf.Head, old *shelf.Next, always bool) (bool, error) {
	ways := head.Next
	switch {
	case old != nil:
		ways = []*shelf.Next{old}
	case always:
		return true, nil
	}
	if len(ways) > 0 { // who has no letter by the last of them has none to where that leads, either
		if lacks, err := u.findsLacking(t, key, p, ways[len(ways)-1]); err != nil || lacks {
			return lacks, err
		}
	}
	last := shelf.Next{}
	for _, n := range ways {
		d := *n
		if d.Ends == 0 {
			ends, known, err := u.EndOf(t, n.Letters)
			if err != nil || !known {
				return false, err
			}
			d.Ends = ends
		}
		if time.UnixMilli(d.Ends).Sub(u.Env.Wall()) >= Renewed {
			return false, nil
		}
		if last.Letters.IsZero() || last.Ends < d.Ends {
			last = d
		}
	}
	return u.Due(last.Letters, last.Ends), nil
}

// findsLacking reports whether letters are not for somebody in the room who can be found now.
func (u *Upkeep) findsLacking(t *task.T, key peer.Secret, p *pointing, n *shelf.Next) (bool, error) {
	if n.Lacks == 0 {
		return false, nil
	}
	had, err := u.Shelf.Letters(t, u.Book.Room, key, n.Letters)
	switch {
	case errors.Is(err, task.ErrStopped):
		return false, err
	case shelf.Useless(err):
		had = new(shelf.Letters)
	case err != nil:
		return false, nil // another look decides
	}
	for _, who := range u.Log.State().People {
		if who.Role <= entry.Out || had.For(who.Key) != nil {
			continue
		}
		if l, err := u.letterTo(t, p, who); err != nil || l != nil {
			return l != nil, err
		}
	}
	return false, nil
}

// sendLetters stores the key of an epoch for all who are in the room and can be found. Who cannot, as he was away for so
// long that his name has lapsed or this part of the ring does not know it, keeps the letter that he has by a way to the same
// epoch (old; nil: there is none). all reports that these are all who may have no later key than that of the head (from): who
// came for the first time when the epoch had begun has its key by his invitation, and not that of one before it. Of two that
// began at once he may have either: the other was current, perhaps, when he was invited.
func (u *Upkeep) sendLetters(t *task.T, from id.Hash, p *pointing, old *shelf.Next) (n *shelf.Next, all bool, err error) {
	letters, before := new(shelf.Letters), u.Key(from)
	var lacking []peer.Key
	for _, who := range u.Log.State().People {
		if who.Role <= entry.Out {
			continue
		}
		l, err := u.letterTo(t, p, who)
		switch {
		case err != nil:
			return nil, false, err
		case l == nil:
			lacking = append(lacking, who.Key)
		default:
			letters.List = append(letters.List, l)
		}
	}
	if len(lacking) > 0 && old != nil {
		had, err := u.Shelf.Letters(t, u.Book.Room, before, old.Letters)
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
	if n := u.Log.Len(); len(lacking) > 0 && p.entries != n {
		p.newcomers, p.earlier, p.entries = u.Log.Newcomers(p.to), u.Log.EpochsBefore(p.to), n
	}
	all = len(letters.List) <= entry.MaxMembers && !slices.ContainsFunc(lacking, func(who peer.Key) bool { return !p.earlier[from] || !p.newcomers[who] })
	letters.List = letters.List[:min(len(letters.List), entry.MaxMembers)]
	packer, err := u.Packer(t)
	if err != nil {
		return nil, false, err
	}
	ends := u.Ends()
	object, err := u.Shelf.Send(t, u.Book.Room, before, letters, ends, packer)
	if err != nil {
		return nil, false, err
	}
	return &shelf.Next{Epoch: p.to, Letters: object, Ends: ends.UnixMilli(), Lacks: uint32(len(lacking))}, all, nil
}

// letterTo is the key of an epoch for somebody; nil: he cannot be found now. The error is task.ErrStopped.
func (u *Upkeep) letterTo(t *task.T, p *pointing, who dag.Person) (*shelf.Letter, error) {
	if l, ok := p.letters[who.Key]; ok {
		return l, nil
	}
	var l *shelf.Letter
	if who.Name != "" {
		sealed, err := u.Seal(t, p.to, who)
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case err == nil:
			l = sealed
		}
	}
	p.letters[who.Key] = l
	return l, nil
}
