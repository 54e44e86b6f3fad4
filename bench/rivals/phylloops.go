package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/task"
)

// keepers is how many nodes keep a name at phyllo.
const keepers = 5

// patience is how long one operation may take.
const patience = 10 * time.Second

// claim is a name in phyllo's directory and the one node that reads it, which does not
// keep it itself where there are more nodes than keepers.
type claim struct {
	name   directory.Name
	reader *ring.Node
}

// claimNames claims names, each through another node than the one that will read it.
func (p *phylloNet) claimNames(ctx context.Context, rng *rand.Rand) ([]claim, error) {
	owner, err := keys.NewSigner(keys.Random())
	if err != nil {
		return nil, err
	}
	all := make([]claim, values)
	for i := range all {
		c := claim{name: directory.Name(fmt.Sprintf("name%d", i))}
		if i%maxNames == 0 {
			if owner, err = keys.NewSigner(keys.Random()); err != nil {
				return nil, err
			}
		}
		outside := p.byDistance(c.name.Key())[min(keepers, len(p.nodes)-2):]
		order := rng.Perm(len(outside))
		c.reader = outside[order[0]]
		if err := p.put(ctx, p.other(c.reader, rng), &directory.Record{Name: c.name, Version: 1}, owner); err != nil {
			return nil, fmt.Errorf("claim a name at phyllo: %w", err)
		}
		all[i] = c
	}
	return all, nil
}

// maxNames is how many names one key may have.
const maxNames = 32

func (p *phylloNet) put(ctx context.Context, n *ring.Node, rec *directory.Record, owner *keys.Signer) error {
	status, err := n.API().Status(ctx)
	if err != nil {
		return err
	}
	d := p.desks[n.Self().ID]
	return n.Do(ctx, func(t *task.T, ep kbr.Endpoint) error {
		return d.Put(t, rec.Sign(status.Ring, owner, ep.Wall()))
	})
}

// other returns a node that is not n.
func (p *phylloNet) other(n *ring.Node, rng *rand.Rand) *ring.Node {
	for {
		if o := p.nodes[rng.IntN(len(p.nodes))]; o != n {
			return o
		}
	}
}

// byDistance returns the nodes, those nearest to key first: its root, then the others
// that keep it.
func (p *phylloNet) byDistance(key id.ID) []*ring.Node {
	nodes := slices.Clone(p.nodes)
	slices.SortFunc(nodes, func(a, b *ring.Node) int {
		if id.Closer(key, a.Self().ID, b.Self().ID) {
			return -1
		}
		return 1
	})
	return nodes
}

// operations returns what is measured of phyllo.
func (p *phylloNet) operations(names []claim, rng *rand.Rand) (request, read *operation) {
	request = &operation{name: routedRequest, side: phyllo, prepare: func(int) call {
		key := id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}
		from := p.other(p.byDistance(key)[0], rng) // not the root itself, which would ask nobody
		return func(ctx context.Context) error {
			return from.Do(ctx, func(t *task.T, ep kbr.Endpoint) error {
				got, err := kbr.Call(t, ep, key, make([]byte, payload), kbr.Options{Timeout: patience})
				if err == nil && len(got.Payload) != payload {
					err = errors.New("phyllo answered something else than was asked")
				}
				return err
			})
		}
	}}
	read = &operation{name: directoryRead, side: phyllo, prepare: func(i int) call {
		c := names[i%len(names)]
		d := p.desks[c.reader.Self().ID]
		return func(ctx context.Context) error {
			return c.reader.Do(ctx, func(t *task.T, _ kbr.Endpoint) error {
				got, err := d.LookupNow(t, c.name) // never what it remembers
				if err == nil && got.Agree < majority {
					err = fmt.Errorf("phyllo believed %d of %d keepers", got.Agree, got.Of)
				}
				return err
			})
		}
	}}
	return request, read
}

// majority is how many of the keepers must agree.
const majority = keepers/2 + 1
