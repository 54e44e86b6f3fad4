package mem_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
	"github.com/phyllo-net/phyllo/transport/mem"
	"github.com/phyllo-net/phyllo/transport/transporttest"
)

func keyOf(seed []byte) peer.Key {
	return peer.Key(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

// short are limits for tests in real time.
var short = link.Limits{
	HelloTime: time.Second, WriteTime: time.Second,
}

func TestSuite(t *testing.T) {
	net := mem.NewNetwork()
	transporttest.Run(t, transporttest.Factory{
		Key: keyOf,
		New: func(t testing.TB, cfg transport.Config) transport.Transport {
			tr, err := net.JoinWith(keyOf(cfg.Private), cfg, short)
			if err != nil {
				t.Fatal(err)
			}
			return tr
		},
	})
}
