package pastry_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// config is the default one, complete.
func config() pastry.Config {
	c := pastry.DefaultConfig()
	c.Signer, c.Verifier = standin.NewSigner(1, 2), standin.Verifier{}
	c.Rand = rand.New(rand.NewPCG(1, 2))
	return c
}

// seconds returns n time-outs of one second.
func seconds(n int) (ds []time.Duration) {
	for range n {
		ds = append(ds, time.Second)
	}
	return ds
}

// mounts mounts one application under several numbers.
func mounts(a kbr.App, numbers ...wire.AppID) (ms []kbr.Mount) {
	for _, n := range numbers {
		ms = append(ms, kbr.Mount{Number: n, App: a})
	}
	return ms
}

// Every rule of Validate is broken once, by a value just beyond it, and kept once.
func TestConfigValidate(t *testing.T) {
	app := new(app)
	for _, c := range []struct {
		says      string // of the setting that is wrong
		good, bad func(*pastry.Config)
	}{
		{"Base", func(c *pastry.Config) { c.Base = 8 }, func(c *pastry.Config) { c.Base = 3 }},
		{"LeafSet", func(c *pastry.Config) { c.LeafSet = 2 }, func(c *pastry.Config) { c.LeafSet = 0 }},
		{"LeafSet", func(c *pastry.Config) { c.LeafSet = 64 }, func(c *pastry.Config) { c.LeafSet = 66 }},
		{"LeafSet", func(c *pastry.Config) { c.LeafSet = 30 }, func(c *pastry.Config) { c.LeafSet = 31 }},
		{"Neighbourhood", func(c *pastry.Config) { c.Neighbourhood = 0 }, func(c *pastry.Config) { c.Neighbourhood = -1 }},
		{"Neighbourhood", func(c *pastry.Config) { c.Neighbourhood = 64 }, func(c *pastry.Config) { c.Neighbourhood = 65 }},
		{"HopLimit", func(c *pastry.Config) { c.HopLimit = 4 }, func(c *pastry.Config) { c.HopLimit = 3 }},
		{"HopLimit", func(c *pastry.Config) { c.HopLimit = 32 }, func(c *pastry.Config) { c.HopLimit = 33 }},
		{"Heartbeat", func(c *pastry.Config) { c.Heartbeat = time.Second }, func(c *pastry.Config) { c.Heartbeat = time.Second - 1 }},
		{"Probes", func(c *pastry.Config) { c.Probes = c.Probes[:1] }, func(c *pastry.Config) { c.Probes = nil }},
		{"Probes", func(c *pastry.Config) { c.Probes = seconds(8) }, func(c *pastry.Config) { c.Probes = seconds(9) }},
		{"Probes", func(c *pastry.Config) { c.Probes = seconds(3) }, func(c *pastry.Config) { c.Probes = []time.Duration{0} }},
		{"Probes", func(c *pastry.Config) { c.Probes = seconds(3) }, func(c *pastry.Config) { c.Probes = []time.Duration{2, 1} }},
		{"Brisk", func(c *pastry.Config) { c.Brisk = c.Brisk[:1] }, func(c *pastry.Config) { c.Brisk = nil }},
		{"Brisk", func(c *pastry.Config) { c.Brisk = seconds(8) }, func(c *pastry.Config) { c.Brisk = seconds(9) }},
		{"Brisk", func(c *pastry.Config) { c.Brisk = seconds(3) }, func(c *pastry.Config) { c.Brisk = []time.Duration{2, 1} }},
		{"AckDelay", func(c *pastry.Config) { c.AckDelay = 0 }, func(c *pastry.Config) { c.AckDelay = -1 }},
		{"AckDelay", func(c *pastry.Config) { c.AckDelay, c.HopFloor = time.Second, time.Second }, func(c *pastry.Config) { c.AckDelay, c.HopFloor = time.Second+1, time.Second+1 }},
		{"HopFloor", func(c *pastry.Config) { c.HopFloor = c.AckDelay }, func(c *pastry.Config) { c.HopFloor = c.AckDelay - 1 }},
		{"HopCap", func(c *pastry.Config) { c.HopCap = c.HopFloor }, func(c *pastry.Config) { c.HopCap = c.HopFloor - 1 }},
		{"RequestRetry", func(c *pastry.Config) { c.RequestRetry = 1 }, func(c *pastry.Config) { c.RequestRetry = 0 }},
		{"LeaseRenew", func(c *pastry.Config) { c.LeaseRenew = 1 }, func(c *pastry.Config) { c.LeaseRenew = 0 }},
		{"LeaseShort", func(c *pastry.Config) { c.LeaseShort = 2 * c.LeaseRenew }, func(c *pastry.Config) { c.LeaseShort = 2*c.LeaseRenew - 1 }},
		{"LeaseLong", func(c *pastry.Config) { c.LeaseLong = c.Heartbeat + 2*time.Second }, func(c *pastry.Config) { c.LeaseLong = c.Heartbeat + 2*time.Second - 1 }},
		{"LeaseQuiet", func(c *pastry.Config) { c.LeaseQuiet = c.LeaseShort }, func(c *pastry.Config) { c.LeaseQuiet = c.LeaseShort - 1 }},
		{"TableRound", func(c *pastry.Config) { c.TableRound = time.Second }, func(c *pastry.Config) { c.TableRound = time.Second - 1 }},
		{"ProbeFloor", func(c *pastry.Config) { c.ProbeFloor = 1 }, func(c *pastry.Config) { c.ProbeFloor = 0 }},
		{"ProbeCap", func(c *pastry.Config) { c.ProbeCap = c.ProbeFloor }, func(c *pastry.Config) { c.ProbeCap = c.ProbeFloor - 1 }},
		{"ProbeLoss", func(c *pastry.Config) { c.ProbeLoss = 0.01 }, func(c *pastry.Config) { c.ProbeLoss = 0 }},
		{"ProbeLoss", func(c *pastry.Config) { c.ProbeLoss = 0.99 }, func(c *pastry.Config) { c.ProbeLoss = 1 }},
		{"Heal", func(c *pastry.Config) { c.Heal = time.Second }, func(c *pastry.Config) { c.Heal = time.Second - 1 }},
		{"GoneFor", func(c *pastry.Config) { c.GoneFor = c.Heal }, func(c *pastry.Config) { c.GoneFor = c.Heal - 1 }},
		{"Alone", func(c *pastry.Config) { c.Alone = 1 }, func(c *pastry.Config) { c.Alone = 0 }},
		{"Remember", func(c *pastry.Config) { c.Remember = 4 }, func(c *pastry.Config) { c.Remember = 3 }},
		{"Remember", func(c *pastry.Config) { c.Remember = 128 }, func(c *pastry.Config) { c.Remember = 129 }},
		{"Held", func(c *pastry.Config) { c.Held = 4 }, func(c *pastry.Config) { c.Held = 3 }},
		{"Held", func(c *pastry.Config) { c.Held = 1 << 16 }, func(c *pastry.Config) { c.Held = 1<<16 + 1 }},
		{"HeldBytes", func(c *pastry.Config) { c.HeldBytes = 256 << 10 }, func(c *pastry.Config) { c.HeldBytes = 256<<10 - 1 }},
		{"HeldBytes", func(c *pastry.Config) { c.HeldBytes = 1 << 30 }, func(c *pastry.Config) { c.HeldBytes = 1<<30 + 1 }},
		{"OnWay", func(c *pastry.Config) { c.OnWay = 16 }, func(c *pastry.Config) { c.OnWay = 15 }},
		{"OnWay", func(c *pastry.Config) { c.OnWay = 1 << 20 }, func(c *pastry.Config) { c.OnWay = 1<<20 + 1 }},
		{"OnWayBytes", func(c *pastry.Config) { c.OnWayBytes = 1 << 20 }, func(c *pastry.Config) { c.OnWayBytes = 1<<20 - 1 }},
		{"OnWayBytes", func(c *pastry.Config) { c.OnWayBytes = 1 << 30 }, func(c *pastry.Config) { c.OnWayBytes = 1<<30 + 1 }},
		{"Signer", func(*pastry.Config) {}, func(c *pastry.Config) { c.Signer = nil }},
		{"Verifier", func(*pastry.Config) {}, func(c *pastry.Config) { c.Verifier = nil }},
		{"Rand", func(*pastry.Config) {}, func(c *pastry.Config) { c.Rand = nil }},
		{"application", func(c *pastry.Config) { c.Apps = mounts(app, 1) }, func(c *pastry.Config) { c.Apps = mounts(app, 0) }},
		{"application", func(c *pastry.Config) { c.Apps = mounts(app, 1, 2) }, func(c *pastry.Config) { c.Apps = mounts(nil, 1) }},
		{"number 2", func(c *pastry.Config) { c.Apps = mounts(app, 1, 2) }, func(c *pastry.Config) { c.Apps = mounts(app, 2, 1, 2) }},
	} {
		good, bad := config(), config()
		c.good(&good)
		if err := good.Validate(); err != nil {
			t.Errorf("%s: a good value: %v", c.says, err)
		}
		c.bad(&bad)
		err := bad.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "pastry: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: a bad value: %v", c.says, err)
		}
		if _, again := pastry.New(bad, many(1)[0], nil); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: New says %v", c.says, again)
		}
	}
}
