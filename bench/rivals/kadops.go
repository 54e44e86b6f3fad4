package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/ipfs/go-datastore"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-base32"
)

// values is how many values are put into the rival, and how many names are claimed at
// phyllo, before anything is measured.
const values = 64

// kadValue is a value in the rival's network, and the one node that reads it, which
// does not keep it itself.
type kadValue struct {
	key    string
	reader *kadNode
}

// putValues puts values of the size of a message, each through another node than the
// one that will read it. In a network of up to 20 nodes all nodes keep all values: the
// reader's copy is then removed.
func (k *kadNet) putValues(ctx context.Context, rng *rand.Rand) ([]kadValue, error) {
	all := make([]kadValue, values)
	for i := range all {
		order := rng.Perm(len(k.nodes))
		v := kadValue{key: fmt.Sprintf("/v/value %d", i)}
		if err := k.nodes[order[0]].dht.PutValue(ctx, v.key, make([]byte, payload)); err != nil {
			return nil, fmt.Errorf("put a value into kad-dht: %w", err)
		}
		kept := 0
		for _, j := range order[1:] {
			has, err := k.nodes[j].keeps(ctx, v.key)
			if err != nil {
				return nil, err
			}
			if has {
				kept++
			} else {
				v.reader = k.nodes[j]
			}
		}
		if kept == 0 {
			return nil, errors.New("kad-dht keeps a value nowhere, or under another name than this program knows")
		}
		if v.reader == nil {
			v.reader = k.nodes[order[1]]
			if err := v.reader.records.Delete(ctx, recordKey(v.key)); err != nil {
				return nil, err
			}
		}
		all[i] = v
	}
	return all, nil
}

// recordKey is the name under which a node of the rival keeps a value.
func recordKey(key string) datastore.Key {
	return datastore.NewKey("/v/" + base32.RawStdEncoding.EncodeToString([]byte(key)))
}

func (n *kadNode) keeps(ctx context.Context, key string) (bool, error) {
	return n.records.Has(ctx, recordKey(key))
}

// operations returns what is measured of the rival.
func (k *kadNet) operations(all []kadValue) (quorum1, quorum0, closest *operation) {
	get := func(opts ...routing.Option) func(int) call {
		return func(i int) call {
			v := all[i%len(all)]
			return func(ctx context.Context) error {
				got, err := v.reader.dht.GetValue(ctx, v.key, opts...)
				if err == nil && len(got) != payload {
					err = errors.New("kad-dht gave another value than was put")
				}
				return err
			}
		}
	}
	quorum1 = &operation{name: getOne, side: kadDHT, prepare: get(dht.Quorum(1))}
	quorum0 = &operation{name: getDefault, side: kadDHT, prepare: get()}
	closest = &operation{name: closestPeers, side: kadDHT, prepare: func(i int) call {
		from, key := k.nodes[i%len(k.nodes)], fmt.Sprintf("key %d", i)
		return func(ctx context.Context) error {
			got, err := from.dht.GetClosestPeers(ctx, key)
			if err == nil && len(got) == 0 {
				err = errors.New("kad-dht found nobody close to a key")
			}
			return err
		}
	}}
	return quorum1, quorum0, closest
}

// keptApart makes sure that no reader keeps what it reads: nothing was answered from
// its own records.
func keptApart(ctx context.Context, all []kadValue) error {
	for _, v := range all {
		if has, err := v.reader.keeps(ctx, v.key); err != nil || has {
			return errors.Join(err, fmt.Errorf("a reader of kad-dht keeps %q itself: its reads mean nothing", v.key))
		}
	}
	return nil
}
