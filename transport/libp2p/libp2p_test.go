package libp2p_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/link"
	"github.com/phyllo-net/phyllo/transport/transporttest"
)

func keyOf(seed []byte) peer.Key {
	return peer.Key(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

// short are limits for tests in real time.
var short = link.Limits{
	DialTime: 10 * time.Second, WriteTime: 2 * time.Second,
}

func factory(limits link.Limits, listen ...string) transporttest.Factory {
	return transporttest.Factory{
		Key: keyOf,
		New: func(t testing.TB, cfg transport.Config) transport.Transport {
			if len(cfg.Listen) == 0 {
				cfg.Listen = listen
			}
			tr, err := libp2p.New(cfg, libp2p.Options{Limits: limits, Unused: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			return tr
		},
	}
}

func TestSuiteTCP(t *testing.T) { transporttest.Run(t, factory(short, "/ip4/127.0.0.1/tcp/0")) }

func TestSuiteQUIC(t *testing.T) {
	limits := short
	limits.DialTime = 5 * time.Second
	f := factory(limits, "/ip4/127.0.0.1/udp/0/quic-v1")
	f.Mute = true
	transporttest.Run(t, f)
}
