package lab

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// Depot is a ring whose nodes keep files for each other, with storage's usual settings, for
// measurements: who keeps what is seen from above.
type Depot struct {
	*Ring
	Copies int       // of each file
	Files  []id.Hash // that were acknowledged
	Failed int       // inserts that ended with an error
	homes  []*home
	owner  peer.Signer
	size   int                     // of a file, in bytes
	begun  int                     // inserts
	gone   map[id.ID]time.Duration // when a node's neighbours were first told that it ended
}

// NewDepot makes an empty ring for files of so many copies and bytes. Of c, Apps is its own,
// and the ring is sealed and unwatched.
func NewDepot(c Config, copies, size int) *Depot {
	d := &Depot{Copies: copies, size: size, owner: standin.NewSigner(c.Seed, 1<<32), gone: make(map[id.ID]time.Duration)}
	c.Sealed, c.Sim.Connections, c.Unwatched = true, true, true
	c.Apps = func(i int, env sim.NodeEnv) []kbr.Mount { return []kbr.Mount{d.mount(i, env)} }
	life := c.Sim.Observe.Life
	c.Sim.Observe.Life = func(n sim.NodeRef, what sim.LifeEvent) {
		switch what {
		case sim.Wiped:
			d.homes[n].disk.Wipe()
		case sim.Crashed, sim.Died, sim.Stopped: // who was only too far away before was not held to be dead
			delete(d.gone, d.Sim.Handle(n).ID)
		}
		if life != nil {
			life(n, what)
		}
	}
	d.Ring = New(c)
	return d
}

// mount makes the storage of a node that starts, on the disk that it had before.
func (d *Depot) mount(i int, env sim.NodeEnv) kbr.Mount {
	for len(d.homes) <= i {
		d.homes = append(d.homes, &home{disk: mem.New()})
	}
	h := d.homes[i]
	if env.Life > 1 {
		h.disk = h.disk.Clone()
	}
	c := past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = d.admit.ring, d.signer[i], d.admit.verifier, h.disk
	c.Certificate = func() *peer.Certificate { return d.certs[i] }
	p, err := past.New(c)
	if err != nil {
		panic(err) // a bug of the scenario
	}
	h.past = p
	return kbr.Mount{Number: storageApp, App: &bereft{p, d}}
}

// bereft is storage whose ring notes when it is first told that a neighbour is gone.
type bereft struct {
	*past.Past
	d *Depot
}

// Update implements kbr.App.
func (b *bereft) Update(n *peer.Handle, joined bool) {
	if _, told := b.d.gone[n.ID]; !joined && !told {
		b.d.gone[n.ID] = b.d.Sim.Now()
	}
	b.Past.Update(n, joined)
}

// Verdict tells when one of a dead node's neighbours first held it to be dead.
func (d *Depot) Verdict(n sim.NodeRef) (at time.Duration, held bool) {
	at, held = d.gone[d.Sim.Handle(n).ID]
	return at, held
}

// Absence is how long storage waits for a node to come back after the verdict.
func (d *Depot) Absence() time.Duration { return past.Default().Absence }

// Insert begins to store one more file, from a member that is drawn.
func (d *Depot) Insert() {
	n := d.Member()
	content := fmt.Appendf(nil, "file %d", d.begun)
	f := past.File{Part: certificate.NamePart([]byte("depot"), fmt.Sprint(d.begun)), Copies: d.Copies,
		Content: append(content, bytes.Repeat([]byte{'.'}, max(0, d.size-len(content)))...)}
	d.begun++
	d.run(n, func(t *task.T, p *past.Past) error {
		s, err := p.Insert(t, f, d.owner)
		if err != nil {
			d.Failed++
			return nil
		}
		d.Files = append(d.Files, s.Certificate.ID())
		return nil
	})
}

// Read begins to read a file, from a member that is drawn, and tells whether it was there.
func (d *Depot) Read(o id.Hash, done func(there bool)) {
	d.run(d.Member(), func(t *task.T, p *past.Past) error {
		_, err := p.Lookup(t, o)
		done(err == nil)
		return nil
	})
}

func (d *Depot) run(n sim.NodeRef, f func(*task.T, *past.Past) error) {
	p := d.homes[n].past
	d.Sim.Call(n, func() { d.Node(n).Tasks().Go(func(t *task.T) error { return f(t, p) }, func(error) {}) })
}

// Keeps reports whether a node has the content of a file on its disk; it need not run.
func (d *Depot) Keeps(n sim.NodeRef, o id.Hash) bool {
	_, err := d.homes[n].disk.Get(past.ContentTable, o[:])
	return err == nil
}

// Kept returns the files whose content a node has on its disk.
func (d *Depot) Kept(n sim.NodeRef) []id.Hash {
	return slices.DeleteFunc(slices.Clone(d.Files), func(o id.Hash) bool { return !d.Keeps(n, o) })
}

// Alive is how many copies of a file running nodes have, up to the wanted number.
func (d *Depot) Alive(o id.Hash) (copies int) {
	for i := range d.homes {
		if n := sim.NodeRef(i); d.Sim.Alive(n) && d.Keeps(n, o) {
			if copies++; copies == d.Copies {
				break
			}
		}
	}
	return copies
}

// Copied is how many replicas the nodes that run have fetched from others since they started.
func (d *Depot) Copied() (n uint64) {
	for _, ref := range d.Live() {
		n += d.homes[ref].past.Stats().Copied
	}
	return n
}

// Row returns so many running nodes next to each other on the ring, from a drawn one on.
func (d *Depot) Row(count int) []sim.NodeRef {
	ring := d.Live()
	slices.SortFunc(ring, func(a, b sim.NodeRef) int { return d.Sim.Handle(a).ID.Cmp(d.Sim.Handle(b).ID) })
	from := d.rng.IntN(len(ring))
	ring = append(ring, ring...)
	return ring[from : from+min(count, len(ring)/2)]
}

// CopiedBy is how many replicas a node that runs has fetched since it started.
func (d *Depot) CopiedBy(n sim.NodeRef) uint64 { return d.homes[n].past.Stats().Copied }
