package room

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// settle does what the state of the room asks for: an admin begins an epoch where somebody
// reads who is out, and keys that are not here are asked for.
func (h *hall) settle() {
	if h.settling {
		h.again = true
		return
	}
	if !h.in() || !h.unsettled() {
		return
	}
	h.settling = true
	h.rooms().ep.Go(func(t *task.T) error {
		for {
			h.again = false
			err := h.settleNow(t)
			if err != nil || !h.again || !h.in() || !h.unsettled() {
				return err
			}
		}
	}, func(error) { h.settling = false })
}

// unsettled reports whether there is something to do for settle.
func (h *hall) unsettled() bool {
	return h.mustBegin(h.log.State()) || len(h.keys.Keyless()) > 0
}

func (h *hall) mustBegin(s *dag.State) bool {
	return s.Stale() && s.Role(h.acc.key) >= entry.Admin && !h.kept.Partial
}

func (h *hall) settleNow(t *task.T) error {
	s := h.log.State()
	if h.mustBegin(s) {
		// Not all admins at the same moment.
		if s.Admins() > 1 {
			if err := t.Sleep(h.rank(h.rooms().cfg.EpochWithin/2, s.Epochs)); err != nil {
				return err
			}
		}
		if h.mustBegin(h.log.State()) {
			if err := h.beginEpoch(t); err != nil {
				return err
			}
		}
	}
	for _, x := range h.keys.Keyless() {
		if _, err := h.findKey(t, x); err != nil && !errors.Is(err, ErrNoKey) {
			return err
		}
	}
	if len(h.keys.Keyless()) > 0 {
		h.shelveSeldom(alone) // a head to which there is a key may lead to them
	}
	return nil
}

// beginEpoch starts a key that all who are in the room may have, and who come later, and nobody
// who is out.
func (h *hall) beginEpoch(t *task.T) error {
	m := h.rooms()
	before := h.log.State().Epoch.Entry
	var beforeKey peer.Secret
	if !before.IsZero() {
		k, err := h.findKey(t, before)
		if err != nil && !errors.Is(err, ErrNoKey) {
			return err
		}
		if err != nil {
			before = id.Hash{} // it is lost: who has it still gives it to those who ask
		}
		beforeKey = k
	}
	fresh, err := task.Work(t, diskTimeout, func() (peer.Secret, error) { return m.deps.Locker.NewSecret(), nil })
	if err != nil {
		return err
	}
	// An epoch whose key is lost with a crash would be of use to nobody.
	if err := h.keys.Remember(t, entry.KeyProof(h.id, fresh), fresh); err != nil {
		return err
	}
	_, err = h.write(t, entry.EpochKind, func(s *dag.State) (func() []byte, error) {
		number, readers, room := s.Epochs+1, s.Readers(), h.id
		return func() []byte {
			return wire.MustMarshal(entry.NewEpoch(room, number, readers, before, beforeKey, fresh, m.deps.Locker))
		}, nil
	})
	return err
}

// findKey returns the key of an epoch: it is here, or another member gives it.
func (h *hall) findKey(t *task.T, x id.Hash) (peer.Secret, error) {
	p := h.log.Epoch(x)
	if p == nil {
		return peer.Secret{}, ErrNoKey
	}
	if k := h.keys.With(p.Proof); !k.IsZero() {
		return k, nil
	}
	people := slices.DeleteFunc(h.sources(), func(p dag.Person) bool { return !h.putOut(p.Key).IsZero() })
	h.rooms().ep.Rand().Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	// Who began the epoch has its key.
	if by := h.log.Author(x); !by.IsZero() {
		slices.SortStableFunc(people, func(a, b dag.Person) int {
			switch {
			case a.Key == by && b.Key != by:
				return -1
			case b.Key == by && a.Key != by:
				return 1
			}
			return 0
		})
	}
	for _, who := range people {
		devices, err := h.devices(t, who)
		if errors.Is(err, task.ErrStopped) {
			return peer.Secret{}, err
		}
		for _, d := range devices {
			k, err := h.askFor(t, d, x, p)
			switch {
			case err == nil:
				return k, h.keys.Learn(t, p, k)
			case errors.Is(err, task.ErrStopped):
				return peer.Secret{}, err
			case !h.keys.With(p.Proof).IsZero():
				return h.keys.With(p.Proof), nil // it came another way meanwhile
			}
		}
	}
	return peer.Secret{}, ErrNoKey
}

// askFor asks a device for a key, and checks it.
func (h *hall) askFor(t *task.T, d device, x id.Hash, p *entry.Epoch) (peer.Secret, error) {
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.AskKey{About: a, Epoch: x} })
	if err != nil {
		return peer.Secret{}, err
	}
	got, ok := ans.(*msg.Key)
	if !ok {
		return peer.Secret{}, wire.ErrMalformed
	}
	k, err := h.acc.openKey(t, h.id, x, got)
	if err == nil && entry.KeyProof(h.id, k) != p.Proof {
		err = entry.ErrLocked
	}
	return k, err
}

// openKey opens a key that is sealed to the user. What it is a key of is not known yet.
func (a *account) openKey(t *task.T, room, x id.Hash, sealed *msg.Key) (peer.Secret, error) {
	at := slices.IndexFunc(a.user.Seals, func(s SealPair) bool { return s.Number == sealed.Number })
	if at < 0 {
		return peer.Secret{}, ErrNoKey
	}
	opener, context := a.user.Seals[at].Opener, a.rooms.sealContext(room, x, a.key, sealed.Number)
	return task.Work(t, diskTimeout, func() (peer.Secret, error) {
		var k peer.Secret
		b, err := opener.Open(context, sealed.Sealed)
		if err == nil {
			err = k.UnmarshalBinary(b)
		}
		return k, err
	})
}

// sealKey seals the key of an epoch to somebody in the room. The error is ErrNoKey where it is not
// here, or one of the directory.
func (h *hall) sealKey(t *task.T, x id.Hash, name string, to peer.Key) (*msg.Key, error) {
	k := h.keys.Of(x)
	if k.IsZero() {
		return nil, ErrNoKey
	}
	r, err := h.rooms().cards.Record(t, name, to)
	if err != nil {
		return nil, err
	}
	sealer, context := h.rooms().deps.Sealer, h.rooms().sealContext(h.id, x, to, r.SealNumber)
	sealed, err := task.Work(t, diskTimeout, func() ([]byte, error) { return sealer.Seal(r.SealKey, context, k[:]) })
	return &msg.Key{Number: r.SealNumber, Sealed: sealed}, err
}

// letter is a key that is sealed to somebody in the room, for the shelf.
func (h *hall) letter(t *task.T, x id.Hash, who dag.Person) (*shelf.Letter, error) {
	k, err := h.sealKey(t, x, who.Name, who.Key)
	if err != nil {
		return nil, err
	}
	return &shelf.Letter{To: who.Key, Number: k.Number, Sealed: k.Sealed}, nil
}

// sealContext binds a sealed key to its epoch and its receiver.
func (m *Rooms) sealContext(room, x id.Hash, to peer.Key, number uint32) []byte {
	c := id.HashOf("room key", m.deps.Ring, room, x, to[:], number)
	return c[:]
}

// takeAskKey gives a key to who may have it.
func (h *hall) takeAskKey(t *task.T, d *kbr.Delivery, a *msg.AskKey) error {
	name, err := h.vouchFor(t, d, a.About.From)
	if err != nil {
		return err
	}
	// Who is in the room may have all keys, also those that began before he came. An epoch that
	// comes after what put him out again is in use from then on (dag.State.Stale).
	k, err := h.sealKey(t, a.Epoch, name, a.About.From)
	if errors.Is(err, ErrNoKey) {
		return &kbr.RefusedError{Code: msg.RefusedUnknown, Text: "the key is not here"}
	}
	if err != nil {
		return err
	}
	d.Reply(msg.Encode(k))
	return nil
}

// keyToLock returns the epoch to lock words with now, and its key. Where two began at once that
// leave out different people, an admin is waited for who brings them together.
func (h *hall) keyToLock(t *task.T) (id.Hash, peer.Secret, error) {
	m := h.rooms()
	for end := m.ep.Now().Add(m.cfg.KeyPatience); ; {
		s := h.log.State()
		if !h.mustBegin(s) && !s.Split() && s.Epoch.Epoch != nil {
			if k, err := h.findKey(t, s.Epoch.Entry); err == nil {
				return s.Epoch.Entry, k, nil
			} else if !errors.Is(err, ErrNoKey) {
				return id.Hash{}, peer.Secret{}, err
			}
		}
		h.settle()
		if !m.ep.Now().Before(end) {
			return h.lastKey(t)
		}
		if err := t.Sleep(time.Second / 4); err != nil {
			return id.Hash{}, peer.Secret{}, err
		}
	}
}

// lastKey is what keyToLock does when nobody who has the key can be reached: an admin begins
// an epoch, and others cannot say anything.
func (h *hall) lastKey(t *task.T) (id.Hash, peer.Secret, error) {
	if h.log.State().Role(h.acc.key) < entry.Admin || h.kept.Partial {
		return id.Hash{}, peer.Secret{}, ErrNoKey
	}
	if err := h.beginEpoch(t); err != nil {
		return id.Hash{}, peer.Secret{}, err
	}
	x := h.log.State().Epoch.Entry
	if k := h.keys.Of(x); !k.IsZero() {
		return x, k, nil
	}
	return id.Hash{}, peer.Secret{}, ErrNoKey
}
