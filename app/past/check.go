package past

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Check returns an error if the node contradicts itself. It is cheap enough to be called
// after every step of a small simulation.
func (p *Past) Check() error {
	objects, size, files := 0, int64(0), int64(0)
	for i, e := range p.shelf.list {
		if i > 0 && bytes.Compare(p.shelf.list[i-1].object[:], e.object[:]) >= 0 {
			return fmt.Errorf("past of %s: entries %d and %d are not in order", p.ep.Self(), i-1, i)
		}
		if !e.gone {
			objects++
			size += e.size
			if e.kind != certificate.Mutable {
				files += e.size
			}
		}
	}
	switch {
	case objects != p.shelf.objects || size != p.shelf.bytes:
		return fmt.Errorf("past of %s: %d objects of %d bytes are counted, %d of %d are there", p.ep.Self(), p.shelf.objects, p.shelf.bytes, objects, size)
	case files > p.most || size > max(p.most, ballotRoom):
		return fmt.Errorf("past of %s: %d bytes, %d of them of files, at most %d", p.ep.Self(), size, files, p.most)
	case p.serving < 0 || p.serving > p.cfg.MaxTasks:
		return fmt.Errorf("past of %s: %d tasks, at most %d", p.ep.Self(), p.serving, p.cfg.MaxTasks)
	}
	return nil
}

// CheckDisk returns an error if what lies on the disk is not what the node believes, or is
// not what its certificate says (S4, S5, S10). It reads everything, and is for simulations.
func (p *Past) CheckDisk() error {
	var bad error
	n := 0
	err := p.cfg.Store.Scan(Table, store.Range{}, func(key, _ []byte) bool {
		n++
		bad = errors.Join(bad, p.checkObject(id.Hash(key)))
		return true
	})
	if n != len(p.shelf.list) {
		bad = errors.Join(bad, fmt.Errorf("past of %s: %d objects on the disk, %d on the shelf", p.ep.Self(), n, len(p.shelf.list)))
	}
	return errors.Join(err, bad)
}

func (p *Past) checkObject(o id.Hash) error {
	k, err := readKept(p.cfg.Store, o)
	if err != nil {
		return err
	}
	if e := p.shelf.find(o); e == nil || e.state != k.entry(p.cfg.Ring).state {
		return fmt.Errorf("past of %s: object %s is not on the shelf as it is on the disk", p.ep.Self(), o.Place().Short())
	}
	if k.Reclaim != nil {
		return k.Reclaim.Verify(p.cfg.Ring, p.cfg.Verifier)
	}
	content, err := p.cfg.Store.Get(ContentTable, o[:])
	if k.At != nil {
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("past of %s: a pointer for object %s, and its content: %w", p.ep.Self(), o.Place().Short(), err)
		}
		return k.Cert.Verify(p.cfg.Ring, p.cfg.Verifier)
	}
	if k.Cert.Large() {
		there, lost := whole(p.cfg.Blobs, k.Cert.Content)
		if err = errors.Join(err, lost); !there {
			err = errors.Join(err, fmt.Errorf("past of %s: the blob of object %s is not whole", p.ep.Self(), o.Place().Short()))
		}
	}
	return errors.Join(err, k.Cert.Fits(content), k.Cert.Verify(p.cfg.Ring, p.cfg.Verifier))
}

// CheckReplicas returns an error if, in a connected ring whose nodes are all in ps and that
// has been calm for long enough, an object is not kept by all of the nodes nearest to it,
// and, with exact, by others too; or not in one state (S3, S6). It asks for the whole truth,
// which no node knows, and is for simulations only.
func CheckReplicas(exact bool, ps ...*Past) error {
	var objects []id.Hash
	for _, p := range ps {
		for _, e := range p.shelf.list {
			objects = append(objects, e.object)
		}
	}
	slices.SortFunc(objects, func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	var bad error
	for _, o := range slices.Compact(objects) {
		bad = errors.Join(bad, checkReplicasOf(o, exact, ps))
	}
	return bad
}

func checkReplicasOf(o id.Hash, exact bool, ps []*Past) error {
	near := slices.Clone(ps)
	slices.SortFunc(near, func(a, b *Past) int {
		switch x, y := a.ep.Self().ID, b.ep.Self().ID; {
		case x == y:
			return 0
		case id.Closer(o.Place(), x, y):
			return -1
		}
		return 1
	})
	var first *entry
	hosts, err := hostsOf(o, near)
	if err != nil {
		return err
	}
	for i, p := range near {
		e := p.shelf.find(o)
		if first == nil {
			first = e
		}
		switch {
		case first != nil && i < int(first.copies) && e == nil, first == nil && i == 0:
			return fmt.Errorf("past: %s, number %d of the nodes nearest to object %s, does not keep it; %s do", p.ep.Self(), i, o.Place().Short(), keepers(o, near))
		case e != nil && i < int(first.copies) && e.state != first.state:
			return fmt.Errorf("past: %s keeps object %s in another state than others: %s, and not %s", p.ep.Self(), o.Place().Short(), e.describe(), first.describe())
		case exact && e != nil && i >= int(first.copies) && !hosts[p.ep.Self().ID] && !(e.pointer() && i == int(first.copies) && hosts[e.at]):
			return fmt.Errorf("past: %s keeps object %s, which %d others keep: %s, and not %s", p.ep.Self(), o.Place().Short(), first.copies, e.describe(), first.describe())
		}
	}
	return nil
}

// keepers says which nodes, numbered from the nearest on, keep an object, and what the first one of them has.
func keepers(o id.Hash, near []*Past) string {
	var numbers []int
	what := ""
	for i, p := range near {
		if e := p.shelf.find(o); e != nil {
			if numbers = append(numbers, i); what == "" {
				what = e.describe()
			}
		}
	}
	return fmt.Sprintf("numbers %v (%s)", numbers, what)
}

// describe is what an entry says, for who reads what is wrong.
func (e *entry) describe() string {
	said := fmt.Sprintf("kind %d, version %d of %s, reclaimed: %t", e.kind, e.version, time.UnixMilli(e.date).UTC().Format(time.RFC3339Nano), e.gone)
	if r := e.ruling; r != nil {
		said += fmt.Sprintf(", ruling %d in term %d of %s for", r.Number, r.Term.Count, r.Term.Root.Short())
		for _, m := range r.Holders {
			said += " " + m.Node.Short()
		}
		for _, m := range r.Before {
			said += ", before " + m.Node.Short()
		}
	}
	return said
}

// hostsOf returns the nodes that keep diverted replicas of an object, for the nodes nearest
// to it. It is an error if one of them keeps none, keeps it for two, or should keep one
// of its own.
func hostsOf(o id.Hash, near []*Past) (map[id.ID]bool, error) {
	hosts := make(map[id.ID]bool)
	for i, p := range near {
		e := p.shelf.find(o)
		if e == nil || i >= int(e.copies) || !e.pointer() {
			continue
		}
		at := slices.IndexFunc(near, func(b *Past) bool { return b.ep.Self().ID == e.at })
		switch {
		case at < int(e.copies):
			return nil, fmt.Errorf("past: %s points to number %d of the nodes nearest to object %s", p.ep.Self(), at, o.Place().Short())
		case hosts[e.at]:
			return nil, fmt.Errorf("past: %s keeps two replicas of object %s in one", near[at].ep.Self(), o.Place().Short())
		}
		if there := near[at].shelf.find(o); there == nil || there.pointer() || there.state != e.state {
			return nil, fmt.Errorf("past: %s does not keep object %s for %s", near[at].ep.Self(), o.Place().Short(), p.ep.Self())
		}
		hosts[e.at] = true
	}
	return hosts, nil
}
