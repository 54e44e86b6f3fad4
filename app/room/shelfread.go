package room

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// maxChain is how many heads are read, one leading to the next.
const maxChain = 64

// follow reads the heads to which the user has keys, and those to which they lead, and takes what
// is in their packs and not here. It returns the heads by their keys.
func (h *hall) follow(t *task.T) (map[peer.Secret]*shelf.Head, error) {
	m := h.rooms()
	heads, queue := map[peer.Secret]*shelf.Head{}, h.keys.Ways()
	for i := 0; i < min(len(queue), maxChain); i++ {
		head, err := m.shelf.Read(t, h.id, queue[i])
		if shelf.Useless(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		heads[queue[i]] = head
		if err := h.takeHead(t, head); err != nil {
			return nil, err
		}
		for _, n := range slices.Backward(head.Next) {
			if h.log.Has(n.Epoch) && !h.keys.Of(n.Epoch).IsZero() {
				continue
			}
			k, err := h.openLetter(t, queue[i], n)
			if err != nil {
				return nil, err
			}
			if !k.IsZero() && !slices.Contains(queue, k) {
				queue = append(queue, k)
			}
		}
	}
	return heads, h.keys.Unchain(t)
}

// openLetter returns the key to which a head leads, zero where there is none for the user. It is
// kept by its proof: of which epoch it is the log says.
func (h *hall) openLetter(t *task.T, before peer.Secret, n *shelf.Next) (peer.Secret, error) {
	all, err := h.rooms().shelf.Letters(t, h.id, before, n.Letters)
	switch {
	case shelf.Useless(err):
		return peer.Secret{}, nil
	case err != nil:
		return peer.Secret{}, err
	}
	l := all.For(h.acc.key)
	if l == nil {
		return peer.Secret{}, nil
	}
	k, err := h.acc.openKey(t, h.id, n.Epoch, &msg.Key{Number: l.Number, Sealed: l.Sealed})
	if err != nil {
		if errors.Is(err, task.ErrStopped) {
			return peer.Secret{}, err
		}
		return peer.Secret{}, nil // whoever wrote it lied, or the sealing key is not on this node
	}
	return k, h.keys.Remember(t, entry.KeyProof(h.id, k), k)
}

// takeHead takes what a head has that is not here.
func (h *hall) takeHead(t *task.T, head *shelf.Head) error {
	h.shelf.hints = nil
	if !h.log.HasAll(entry.Hashes(head.Packed)) {
		for _, r := range head.Packs {
			if err := h.takePack(t, r); err != nil {
				return err
			}
		}
	}
	if len(head.Tips) == 0 {
		return nil // nothing is known of it
	}
	if h.log.HasAll(entry.Hashes(head.Tips)) {
		return h.whole(t)
	}
	for _, p := range head.People {
		if p.Key != h.acc.key {
			h.shelf.hints = append(h.shelf.hints, dag.Person{Key: p.Key, Name: p.Name, Role: entry.Member})
		}
	}
	return nil
}

// takePack takes the entries of a pack.
func (h *hall) takePack(t *task.T, r *shelf.Ref) error {
	list, err := h.shelf.upkeep.Open(t, r)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(list, msg.MaxEntries) {
		if _, err := h.take(t, part); err != nil {
			return err
		}
	}
	h.shelf.upkeep.Seen(r)
	return nil
}
