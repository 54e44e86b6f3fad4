// Package table is a node's part in the hash table of its ring, for those who put values there and get them.
package table

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// Config says for which node.
type Config struct {
	// Here is what the node has of the table at its present place in a ring, or nil.
	Here func() *Here
	Tell func(*api.Event) // hands an event to those who follow them
	Log  *slog.Logger
}

// Table is one node's part, wherever it is. Its methods may be called from any goroutine.
type Table struct {
	cfg Config

	mu     sync.Mutex
	rivals []dht.Watched // of values that were put here, as last looked at
}

// New returns a part that does nothing by itself yet.
func New(c Config) *Table { return &Table{cfg: c} }

// Here is what a node has of the table at one place in a ring. It is touched on the loop only.
type Here struct {
	past *past.Past
	loop loop.Loop
	// everybody signs the entries of the ring's own table.
	everybody *keys.Signer
	written   dht.Watch // what was put there by this node
}

// At returns the part at a place in a ring, where the loop runs from when it is first asked.
func At(ring id.Hash, p *past.Past, l loop.Loop) (*Here, error) {
	signer, err := everybody(ring)
	return &Here{past: p, loop: l, everybody: signer}, err
}

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.loop }

// everybody returns the key that signs the entries of a ring's own table. It follows from
// the ring's id, so that each member has it, and can change each entry.
func everybody(ring id.Hash) (*keys.Signer, error) {
	seed := id.HashOf("the ring's table", ring)
	return keys.SignerFromSeed(seed[:])
}

// Of is the ring's own, with so many copies of each entry.
func (h *Here) Of(copies uint8) dht.Table {
	return dht.New(h.past, h.everybody, copies).Watched(&h.written)
}

// Face is the part of api.Node that is about the table.
type Face struct{ Table *Table }

// entry is an entry of the ring's table that is asked for.
type entry struct {
	key    string
	copies uint8
}

func entryOf(key string, copies int) (entry, error) {
	if copies == 0 {
		copies = dht.Copies
	}
	if copies < 1 || copies > dht.MaxCopies {
		return entry{}, api.Errorf(api.Usage, "%d copies cannot be kept: want 1 to %d, as in --copies %d", copies, dht.MaxCopies, dht.Copies)
	}
	return entry{key, uint8(copies)}, nil
}

// about gives an error what helps.
func (e entry) about(err error) error {
	var other *dht.ConflictError
	switch {
	case errors.As(err, &other) && other.Rivals > 0:
		return api.Errorf(api.Conflict, "%+q has other values, put where the nodes of the ring were out of each other's sight, so a version says too little: `phyllo dht rivals KEY` shows them, and `phyllo dht put KEY VALUE` settles it", e.key)
	case errors.As(err, &other) && other.Version == 0:
		return api.Errorf(api.Conflict, "%+q has no value now: with --if-version 0 it gets one", e.key)
	case errors.As(err, &other):
		return api.Errorf(api.Conflict, "%+q has version %d now: see `phyllo dht get KEY`, then try again with --if-version %d", e.key, other.Version, other.Version)
	case errors.Is(err, dht.ErrNotFound):
		return api.Errorf(api.NotFound, "there is no value under %+q with %d copies: is the key spelt right, and --copies as in `phyllo dht put`?", e.key, e.copies)
	case errors.Is(err, past.ErrApart):
		return api.Errorf(api.Unreachable, "a majority of the nodes that keep %+q is not reachable now, and nothing is changed under a condition without it: start them again, or leave --if-version out; what is lost for good is put out with `phyllo member expel ID`", e.key)
	case errors.Is(err, past.ErrNotReachable):
		return api.Errorf(api.Unreachable, "too few of the nodes that keep %+q are reachable now: try again in a moment; `phyllo doctor` looks at this side", e.key)
	case errors.Is(err, past.ErrUncertain):
		return api.Errorf(api.Unreachable, "it is not known whether %+q was changed: `phyllo dht get KEY` shows what is there now", e.key)
	}
	return kind.Give(err)
}

// DHTPut implements api.Node.
func (f Face) DHTPut(ctx context.Context, q api.DHTPut) (*api.DHTKept, error) {
	e, err := entryOf(q.Key, q.Copies)
	if err != nil {
		return nil, err
	}
	have, err := loop.Do(ctx, f.Table.cfg.Here(), func(t *task.T, h *Here) (dht.Entry, error) {
		if q.IfVersion != nil {
			return h.Of(e.copies).PutIf(t, q.Key, *q.IfVersion, q.Value)
		}
		return h.Of(e.copies).Put(t, q.Key, q.Value)
	})
	if err != nil {
		return nil, e.about(err)
	}
	return &api.DHTKept{Key: q.Key, Version: have.Version, Copies: have.Holders, Wanted: int(e.copies), Apart: have.Apart}, nil
}

// DHTGet implements api.Node.
func (f Face) DHTGet(ctx context.Context, q api.DHTKey) (*api.DHTEntry, error) {
	e, err := entryOf(q.Key, q.Copies)
	if err != nil {
		return nil, err
	}
	have, err := loop.Do(ctx, f.Table.cfg.Here(), func(t *task.T, h *Here) (dht.Entry, error) { return h.Of(e.copies).Get(t, q.Key) })
	switch {
	case errors.Is(err, dht.ErrNotFound) && have.Rivals > 0:
		return nil, api.Errorf(api.NotFound, "%+q was removed, and has other values, put where the nodes of the ring were out of each other's sight: `phyllo dht rivals KEY` shows them, and `phyllo dht put KEY VALUE` or `phyllo dht rm KEY` settles it", e.key)
	case err != nil:
		return nil, e.about(err)
	}
	return &api.DHTEntry{Key: q.Key, Version: have.Version, Value: have.Value, Copies: have.Holders, Wanted: int(e.copies), Rivals: have.Rivals, Apart: have.Apart}, nil
}

// DHTRivals implements api.Node.
func (f Face) DHTRivals(ctx context.Context, q api.DHTKey) ([]api.DHTRival, error) {
	e, err := entryOf(q.Key, q.Copies)
	if err != nil {
		return nil, err
	}
	list, err := loop.Do(ctx, f.Table.cfg.Here(), func(t *task.T, h *Here) ([]dht.Rival, error) { return h.Of(e.copies).Rivals(t, q.Key) })
	if err != nil {
		return nil, e.about(err)
	}
	rivals := make([]api.DHTRival, len(list))
	for i, r := range list {
		rivals[i] = api.DHTRival{Key: q.Key, Version: r.Version, Value: r.Value, Put: r.Time.UTC(), Removed: r.Removed, Settled: r.Settled}
	}
	return rivals, nil
}

// DHTRemove implements api.Node.
func (f Face) DHTRemove(ctx context.Context, q api.DHTRemove) error {
	e, err := entryOf(q.Key, q.Copies)
	if err != nil {
		return err
	}
	_, err = loop.Do(ctx, f.Table.cfg.Here(), func(t *task.T, h *Here) (loop.Nothing, error) {
		if q.IfVersion != nil {
			return loop.Nothing{}, h.Of(e.copies).RemoveIf(t, q.Key, *q.IfVersion)
		}
		return loop.Nothing{}, h.Of(e.copies).Remove(t, q.Key)
	})
	return e.about(err)
}
