package topo_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/sim/topo"
)

// kinds are the topologies that are made from a seed.
var kinds = []struct {
	name string
	make func(hosts int, seed uint64) topo.Topology
}{
	{"uniform", func(n int, _ uint64) topo.Topology { return topo.NewUniform(n, 20*time.Millisecond) }},
	{"plane", func(n int, s uint64) topo.Topology { return topo.NewPlane(n, s, 0) }},
	{"sphere", func(n int, s uint64) topo.Topology { return topo.NewSphere(n, s, 0) }},
	{"transit-stub", func(n int, s uint64) topo.Topology { return topo.NewTransitStub(n, s, small) }},
}

// small is a transit-stub graph of 3 + 12 + 36 routers.
var small = topo.Size{Domains: 3, Transit: 2, StubDomains: 2, Stub: 4}

func TestDelaysAreSymmetricPositiveAndRepeatable(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				seed := rapid.Uint64().Draw(t, "seed")
				hosts := rapid.IntRange(1, 40).Draw(t, "hosts")
				one, two := k.make(hosts, seed), k.make(hosts, seed)
				if one.Hosts() != hosts {
					t.Fatalf("%d hosts, want %d", one.Hosts(), hosts)
				}
				for a := range hosts {
					for b := range hosts {
						d := one.Delay(a, b)
						switch {
						case d != two.Delay(a, b):
							t.Fatalf("delay(%d, %d) = %v, and %v in the second topology of the same seed", a, b, d, two.Delay(a, b))
						case d != one.Delay(b, a):
							t.Fatalf("delay(%d, %d) = %v, but %v back", a, b, d, one.Delay(b, a))
						case a == b && d != 0:
							t.Fatalf("delay(%d, %d) = %v, want 0", a, b, d)
						case a != b && d < topo.Least:
							t.Fatalf("delay(%d, %d) = %v, below the least", a, b, d)
						}
					}
				}
			})
		})
	}
}

func TestSeedsDiffer(t *testing.T) {
	for _, k := range kinds[1:] {
		one, two := k.make(100, 1), k.make(100, 2)
		same := 0
		for i := range 99 {
			if one.Delay(i, i+1) == two.Delay(i, i+1) {
				same++
			}
		}
		if same > 20 {
			t.Errorf("%s: %d of 99 delays are equal under two seeds", k.name, same)
		}
	}
}

// The mean distance of two random points of the unit square is 0.5214; on the
// sphere it is a quarter of the circumference.
func TestMeanDelayOfThePlaneAndTheSphere(t *testing.T) {
	for _, c := range []struct {
		name string
		topo topo.Topology
		want float64
	}{
		{"plane", topo.NewPlane(1000, 7, 200*time.Millisecond), 0.5214 * 200},
		{"sphere", topo.NewSphere(1000, 7, 200*time.Millisecond), 100},
	} {
		if got := meanMillis(c.topo); math.Abs(got-c.want) > 0.03*c.want {
			t.Errorf("%s: mean delay %.1f ms, want %.1f ± 3 %%", c.name, got, c.want)
		}
	}
}

func meanMillis(t topo.Topology) float64 {
	var sum time.Duration
	n := 0
	for a := range t.Hosts() {
		for b := range a {
			sum += t.Delay(a, b)
			n++
		}
	}
	return float64(sum) / float64(n) / 1e6
}

func TestHostsThatDoNotExist(t *testing.T) {
	for _, k := range kinds {
		for _, pair := range [][2]int{{-1, 0}, {0, -1}, {3, 3}, {0, 3}, {3, 0}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: delay%v of a topology of 3 hosts gave no panic", k.name, pair)
					}
				}()
				k.make(3, 1).Delay(pair[0], pair[1])
			}()
		}
	}
}

func BenchmarkDelay(b *testing.B) {
	const hosts = 100_000
	for _, c := range []struct {
		name string
		topo topo.Topology
	}{
		{"plane", topo.NewPlane(hosts, 1, 0)},
		{"sphere", topo.NewSphere(hosts, 1, 0)},
		{"transit-stub", topo.NewTransitStub(hosts, 1, topo.Size{})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			x := uint32(1)
			for b.Loop() {
				x = x*1664525 + 1013904223
				c.topo.Delay(int(x>>8)%hosts, int(x>>3)%hosts)
			}
		})
	}
}
