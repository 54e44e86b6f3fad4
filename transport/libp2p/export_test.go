package libp2p

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// Believe lets a node take for granted what members found who called it back: that
// they reached it, or not. It asks nobody then.
func (t *Transport) Believe(reached bool) {
	r := t.reach
	r.mu.Lock()
	r.own = t.site.Load().Announced(t.direct())
	for k := range byte(askWhom) {
		a := &answer{when: time.Now(), tried: []string{"/ip4/127.0.0.1/tcp/1"}}
		if reached {
			a.reached = a.tried
		}
		r.answers.m[peer.Key{k + 1}] = a
	}
	r.mu.Unlock()
	r.poke()
}

// CallDirect makes a direct connection besides those that stand, as a punched hole
// does.
func (t *Transport) CallDirect(ctx context.Context, key peer.Key, addrs []string) error {
	p, err := peerID(key)
	if err != nil {
		return err
	}
	good := t.usable(key, addrs)
	if len(good) == 0 {
		return fmt.Errorf("no address of %q may be called", addrs)
	}
	_, err = t.call(ctx, p, good)
	return err
}

// Limited reports whether the library counts what goes over a connection with the
// holder of key, or its time.
func (t *Transport) Limited(key peer.Key) bool {
	p, err := peerID(key)
	if err != nil {
		return false
	}
	for _, c := range t.host.Network().ConnsToPeer(p) {
		if c.Stat().Limited {
			return true
		}
	}
	return false
}
