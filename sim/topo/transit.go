package topo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Size gives the numbers of a transit-stub graph. The zero Size is the papers'
// 5,050 routers.
type Size struct {
	Domains     int // transit domains; 0 means 10
	Transit     int // routers of a transit domain on average; 0 means 5
	StubDomains int // stub domains of a transit router on average; 0 means 10
	Stub        int // routers of a stub domain on average; 0 means 10
}

// Link is a link between two routers, with its delay one way.
type Link struct {
	A, B  int
	Delay time.Duration
}

// lan is the delay between a host and its router.
const lan = time.Millisecond

// stubRouter says where a stub router hangs: all that a delay needs, in 12 bytes,
// so that the table of all stays in the processor's cache.
type stubRouter struct {
	domain  uint16
	local   uint8  // its number within the domain
	transit uint16 // the transit router that the domain hangs on
	up      uint32 // microseconds to that transit router
}

// stubDomain keeps the delays inside one stub domain.
type stubDomain struct {
	first int      // number of its first router
	n     int      // routers
	micro []uint32 // n by n, microseconds
}

// TransitStub is a network of transit domains, on whose routers stub domains hang,
// as the generator GT-ITM makes them and as the papers on Pastry, Scribe and
// SplitStream used it ("GATech"): 10 transit domains of 5 routers on average, 10
// stub domains on each of these, of 10 routers on average; 5,050 routers in all.
// Hosts hang on stub routers, drawn at random, by links of 1 ms.
//
// A packet takes the shortest path, which runs inside the stub domain, up to the
// transit router, over transit routers, and down: each stub domain has one way
// out, so that the policy weights of GT-ITM, which keep packets in their domain,
// hold by themselves. Delays of links are ours: transit domains lie on a plane of
// 100 ms edge, routers of one domain at most a tenth of that apart in each
// direction; 5 to 20 ms lead from a stub domain to its transit router, and 1 to 5
// ms between neighbours in a stub domain.
type TransitStub struct {
	hosts   []uint16 // the stub router of each host
	stubs   []stubRouter
	domains []stubDomain
	transit int      // transit routers; stub routers are numbered from here on
	micro   []uint32 // transit by transit, microseconds
	links   []Link
}

// NewTransitStub generates the graph and attaches hosts to it, both from the seed.
// It panics for a Size that makes more than 65,535 routers.
func NewTransitStub(hosts int, seed uint64, size Size) *TransitStub {
	mustHosts(hosts)
	size = size.withDefaults()
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x7472616e736974)), size: size, out: new(TransitStub)}
	g.transitRouters()
	g.stubDomains()
	t := g.out
	t.hosts = make([]uint16, hosts)
	for i := range t.hosts {
		t.hosts[i] = uint16(g.rng.IntN(len(t.stubs)))
	}
	return t
}

func (s Size) withDefaults() Size {
	for _, f := range []struct {
		v *int
		d int
	}{{&s.Domains, 10}, {&s.Transit, 5}, {&s.StubDomains, 10}, {&s.Stub, 10}} {
		if *f.v < 0 {
			panic(fmt.Sprintf("topo: negative number in %+v", s))
		}
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if s.Domains*s.Transit*(1+s.StubDomains*s.Stub) > 65535 || s.Stub > 100 {
		panic(fmt.Sprintf("topo: %+v is more than 65535 routers, or 100 in a stub domain", s))
	}
	return s
}

// Hosts implements Topology.
func (t *TransitStub) Hosts() int { return len(t.hosts) }

// Routers is the number of routers. Transit routers come first.
func (t *TransitStub) Routers() int { return t.transit + len(t.stubs) }

// Router is the number of the router on which a host hangs.
func (t *TransitStub) Router(host int) int { return t.transit + int(t.hosts[host]) }

// Links lists the links between routers, each once. The caller owns the slice.
func (t *TransitStub) Links() []Link { return slices.Clone(t.links) }

// Delay implements Topology.
func (t *TransitStub) Delay(a, b int) time.Duration {
	ra, rb := t.hosts[a], t.hosts[b]
	if a == b {
		return 0
	}
	p, q := &t.stubs[ra], &t.stubs[rb]
	if p.domain == q.domain {
		d := &t.domains[p.domain]
		return 2*lan + micros(d.micro[int(p.local)*d.n+int(q.local)])
	}
	return 2*lan + micros(p.up+q.up+t.micro[int(p.transit)*t.transit+int(q.transit)])
}

func micros(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }
