package topo

// Paths tells which links packets cross. It is for counting, and works link by link.
type Paths struct {
	t    *TransitStub
	out  [][]way // of each router
	gate []way   // of each stub domain: from its gate up to the transit router
}

// way is one direction of a link.
type way struct {
	from, to int
	number   int // of the direction: twice the link's, and one more against its order
	micro    uint32
}

// Paths returns the paths of the network.
func (t *TransitStub) Paths() *Paths {
	p := &Paths{t: t, out: make([][]way, t.Routers()), gate: make([]way, len(t.domains))}
	for i, l := range t.links {
		m := uint32(l.Delay.Microseconds())
		there, back := way{l.A, l.B, 2 * i, m}, way{l.B, l.A, 2*i + 1, m}
		p.out[l.A] = append(p.out[l.A], there)
		p.out[l.B] = append(p.out[l.B], back)
		if l.A >= t.transit && l.B < t.transit {
			p.gate[t.stubs[l.A-t.transit].domain] = there
		}
	}
	return p
}

// Directions is the number of directions of links between routers: those of link i are 2i,
// from A to B, and 2i+1.
func (p *Paths) Directions() int { return 2 * len(p.t.links) }

// Visit calls f with each direction of a link between routers that a packet from one host to
// another crosses, in order. The links of the two hosts are not among them.
func (p *Paths) Visit(from, to int, f func(direction int)) {
	t := p.t
	a, b := t.Router(from), t.Router(to)
	da, db := t.stubs[a-t.transit].domain, t.stubs[b-t.transit].domain
	if da == db {
		p.inside(int(da), a, b, f)
		return
	}
	up, down := p.gate[da], p.gate[db]
	p.inside(int(da), a, up.from, f)
	f(up.number)
	p.walk(up.to, down.to, 0, t.transit, t.micro, f)
	f(down.number ^ 1)
	p.inside(int(db), down.from, b, f)
}

// inside goes from one router to another of a stub domain.
func (p *Paths) inside(domain, a, b int, f func(int)) {
	d := &p.t.domains[domain]
	p.walk(a, b, d.first, d.n, d.micro, f)
}

// walk goes from router a to b, of n that are numbered from first on and whose delays micro
// has: over any link that lies on a shortest path.
func (p *Paths) walk(a, b, first, n int, micro []uint32, f func(int)) {
	left := func(from int) uint32 { return micro[(from-first)*n+b-first] }
	for a != b {
		for _, w := range p.out[a] {
			if w.to >= first && w.to < first+n && left(w.to)+w.micro == left(a) {
				f(w.number)
				a = w.to
				break
			}
		}
	}
}
