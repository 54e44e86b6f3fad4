package topo

import (
	"math/rand/v2"
	"time"
)

// Numbers of the generator, which PAPERS do not give.
const (
	transitReach = edge / 10 // a transit domain's extent
	domainLink   = 0.5       // chance of a link between two transit domains, beyond a tree
	transitLink  = 0.6       // the same between two routers of a transit domain
	// stubLink makes about as many links as Scribe's evaluation had (JSAC 2002:
	// 35,295 directed links between 5,050 routers).
	stubLink = 0.62
)

// generator makes one TransitStub.
type generator struct {
	rng  *rand.Rand
	size Size
	out  *TransitStub
}

// transitRouters makes the transit domains, links their routers, and computes
// the delays between all of them.
func (g *generator) transitRouters() {
	t := g.out
	sizes := g.spread(g.size.Domains, g.size.Transit)
	var at [][2]float32
	first := make([]int, len(sizes))
	for d, n := range sizes {
		first[d] = len(at)
		x, y := edge*g.rng.Float32(), edge*g.rng.Float32()
		for range n {
			// The conversions forbid fused additions, which some processors have.
			dx, dy := float32(transitReach*g.rng.Float32()), float32(transitReach*g.rng.Float32())
			at = append(at, [2]float32{x + dx, y + dy})
		}
	}
	t.transit = len(at)
	link := func(a, b int) {
		t.links = append(t.links, Link{a, b, max(Least, distanceDelay(at[a], at[b]))})
	}
	for d, n := range sizes {
		g.graph(n, transitLink, func(i, j int) { link(first[d]+i, first[d]+j) })
	}
	g.graph(len(sizes), domainLink, func(i, j int) {
		link(first[i]+g.rng.IntN(sizes[i]), first[j]+g.rng.IntN(sizes[j]))
	})
	t.micro = shortest(t.transit, 0, t.links)
}

func distanceDelay(a, b [2]float32) time.Duration {
	return time.Duration(distance(a, b)*float64(DefaultSpan/edge)) / time.Microsecond * time.Microsecond
}

// stubDomains hangs stub domains on the transit routers.
func (g *generator) stubDomains() {
	t := g.out
	var owner []int // the transit router of each domain
	for router, n := range g.spread(t.transit, g.size.StubDomains) {
		for range n {
			owner = append(owner, router)
		}
	}
	for d, n := range g.spread(len(owner), g.size.Stub) {
		dom := stubDomain{first: t.transit + len(t.stubs), n: n}
		from := len(t.links)
		g.graph(n, stubLink, func(i, j int) {
			t.links = append(t.links, Link{dom.first + i, dom.first + j, g.between(1000, 5000)})
		})
		dom.micro = shortest(n, dom.first, t.links[from:])
		gate, out := g.rng.IntN(n), g.between(5000, 20000)
		t.links = append(t.links, Link{dom.first + gate, owner[d], out})
		for i := range n {
			t.stubs = append(t.stubs, stubRouter{
				domain: uint16(d), local: uint8(i), transit: uint16(owner[d]),
				up: dom.micro[i*n+gate] + uint32(out/time.Microsecond),
			})
		}
		t.domains = append(t.domains, dom)
	}
}

// between draws a delay in microseconds from lo up to, but not, hi.
func (g *generator) between(lo, hi int) time.Duration {
	return time.Duration(lo+g.rng.IntN(hi-lo)) * time.Microsecond
}

// spread returns sizes of n parts, from about half to one and a half of mean,
// whose mean is exactly that.
func (g *generator) spread(n, mean int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = mean
	}
	lo, hi := (mean+1)/2, mean+mean/2
	for range 2 * n * mean {
		if i, j := g.rng.IntN(n), g.rng.IntN(n); i != j && sizes[i] > lo && sizes[j] < hi {
			sizes[i]--
			sizes[j]++
		}
	}
	return sizes
}

// graph calls link for the edges of a random connected graph: a random tree, and
// each other pair with chance p.
func (g *generator) graph(n int, p float64, link func(i, j int)) {
	for i := 1; i < n; i++ {
		tree := g.rng.IntN(i)
		for j := range i {
			if j == tree || g.rng.Float64() < p {
				link(i, j)
			}
		}
	}
}

// shortest returns the shortest delays in microseconds between all pairs of n
// routers, numbered from first on, by the links given (Floyd and Warshall).
func shortest(n, first int, links []Link) []uint32 {
	const far = 1 << 30 // twice this still fits
	m := make([]uint32, n*n)
	for i := range m {
		m[i] = far
	}
	for i := range n {
		m[i*n+i] = 0
	}
	for _, l := range links {
		a, b := l.A-first, l.B-first
		d := min(m[a*n+b], uint32(l.Delay/time.Microsecond))
		m[a*n+b], m[b*n+a] = d, d
	}
	for k := range n {
		for i := range n {
			for j := range n {
				m[i*n+j] = min(m[i*n+j], m[i*n+k]+m[k*n+j])
			}
		}
	}
	return m
}
