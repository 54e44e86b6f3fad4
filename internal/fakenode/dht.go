package fakenode

import (
	"context"
	"strings"

	"github.com/phyllo-net/phyllo/api"
)

// value is what is kept under a key. One that was removed keeps its version.
type value struct {
	there   bool
	bytes   []byte
	version uint64
	rivals  []api.DHTRival
}

// amend sets or removes a value, if it has the version that is wanted. The caller holds
// the lock.
func (n *Node) amend(key string, v value, only *uint64) (uint64, error) {
	if strings.HasPrefix(key, "far") {
		return 0, api.Errorf(api.Unreachable, "too few of the nodes that keep %+q are reachable now: try again in a moment; `phyllo doctor` looks at this side", key)
	}
	have := n.values[key]
	open := 0
	for _, r := range have.rivals {
		if !r.Settled {
			open++
		}
		r.Settled = true
		v.rivals = append(v.rivals, r)
	}
	switch {
	case only != nil && open > 0:
		return 0, api.Errorf(api.Conflict, "%+q has other values, put where the nodes of the ring were out of each other's sight, so a version says too little: `phyllo dht rivals KEY` shows them, and `phyllo dht put KEY VALUE` settles it", key)
	case only != nil && have.there && *only != have.version:
		return 0, api.Errorf(api.Conflict, "%+q has version %d now: see `phyllo dht get KEY`, then try again with --if-version %d", key, have.version, have.version)
	case only != nil && !have.there && *only != 0:
		return 0, api.Errorf(api.Conflict, "%+q has no value now: with --if-version 0 it gets one", key)
	}
	v.version = have.version + 1
	n.values[key] = v
	return v.version, nil
}

// copies is how many of so many copies there are: the ring has five nodes.
func copies(wanted int) (have, want int) {
	if wanted == 0 {
		wanted = api.DHTCopies
	}
	return min(wanted, 5), wanted
}

// DHTPut implements api.Node. Keys that begin with "far" cannot be reached.
func (n *Node) DHTPut(_ context.Context, q api.DHTPut) (*api.DHTKept, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	version, err := n.amend(q.Key, value{there: true, bytes: q.Value}, q.IfVersion)
	if err != nil {
		return nil, err
	}
	have, want := copies(q.Copies)
	return &api.DHTKept{Key: q.Key, Version: version, Copies: have, Wanted: want}, nil
}

// DHTGet implements api.Node.
func (n *Node) DHTGet(_ context.Context, q api.DHTKey) (*api.DHTEntry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	have, want := copies(q.Copies)
	v := n.values[q.Key]
	if !v.there {
		return nil, api.Errorf(api.NotFound, "there is no value under %+q with %d copies: is the key spelt right, and --copies as in `phyllo dht put`?", q.Key, want)
	}
	e := &api.DHTEntry{Key: q.Key, Version: v.version, Value: v.bytes, Copies: have, Wanted: want}
	for _, r := range v.rivals {
		if !r.Settled {
			e.Rivals++
		}
	}
	return e, nil
}

// DHTRivals implements api.Node.
func (n *Node) DHTRivals(_ context.Context, q api.DHTKey) ([]api.DHTRival, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.values[q.Key].rivals, nil
}

// Rival gives a key another value, as if a part of the ring had put it that was out of sight.
func (n *Node) Rival(key, other string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.values[key]
	v.rivals = append(v.rivals, api.DHTRival{Key: key, Version: v.version, Value: []byte(other), Put: n.clock})
	n.values[key] = v
}

// DHTRemove implements api.Node.
func (n *Node) DHTRemove(_ context.Context, q api.DHTRemove) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err := n.amend(q.Key, value{}, q.IfVersion)
	return err
}
