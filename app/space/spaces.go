package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/space/archive"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// work bounds what is computed, or lies in a queue before that.
const work = 5 * time.Minute

// Spaces are the spaces that people of one node have open. All methods, and those of what
// it returns, belong to the node's loop; those that take a *task.T wait. No messages are
// its own: it is mounted for the sake of its tasks.
type Spaces struct {
	cfg      Config
	ep       kbr.Endpoint
	tries    uint64            // attempts to make roots, in this run of the node
	archives *archive.Archives // from Start on
	nodes    cache[id.Hash, *tree.Node]
	lists    cache[piece.Ref, *piece.List]
	open     []*Space
	// readers counts those who hold a content, by its topmost object.
	readers map[id.Hash]int
	// changes are this node's own, by space.
	changes map[id.Hash]*changes
	sweeping
}

// New returns Spaces that are to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Spaces, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Spaces{cfg: c, nodes: newCache[id.Hash, *tree.Node](c.Nodes), lists: newCache[piece.Ref, *piece.List](maxLists), readers: make(map[id.Hash]int),
		changes: make(map[id.Hash]*changes), sweeping: sweeping{young: make(objects)}}, nil
}

// Start implements kbr.App.
func (s *Spaces) Start(ep kbr.Endpoint) {
	s.ep, s.archives = ep, archive.New(s.cfg.Ring, s.cfg.Past, ep)
	s.tendSoon(s.cfg.Tend / 24)
}

// Stop implements kbr.App.
func (s *Spaces) Stop() {}

// Deliver implements kbr.App: nothing is said to it.
func (s *Spaces) Deliver(d *kbr.Delivery) { d.Refuse(1, "spaces have no messages") }

// Update implements kbr.App.
func (s *Spaces) Update(*peer.Handle, bool) {}

// Person is somebody who has spaces.
type Person struct {
	Name   string
	Signer peer.Signer
	Seals  []SealPair // all of his, the newest last
}

// SealPair is one of a person's sealing pairs.
type SealPair struct {
	Number uint64
	Opener peer.Opener
}

// seal returns the pair to which something new is sealed.
func (p Person) seal() SealPair { return p.Seals[len(p.Seals)-1] }

// Space is a space that a person has open.
type Space struct {
	s      *Spaces
	handle Handle
	id     id.Hash
	person Person

	charter *charter // as it was read last
	secrets access
	signer  peer.Signer // nil: the person only reads
	// cutter cuts what is kept once if it is equal, or archived, and long all else.
	cutter, long *piece.Cutter

	queue    []*op  // in the order in which they were asked for
	asked    uint64 // how many changes were
	renewing []*op  // those of which contents are being stored anew, and which come back then
	busy     bool   // a task makes the changes of the queue
	current  *roots.Root
	alien    map[id.Hash]bool         // rivals of roots that cannot be merged
	later    map[id.Hash]task.Instant // those that the last merge has left for later, and when
	names    roots.Names              // of the person's changes
	own      *roots.Root              // the last one that this node made, until somebody else makes one
}

// Handle says how others find the space.
func (sp *Space) Handle() Handle { return sp.handle }

// ID is the space's id.
func (sp *Space) ID() id.Hash { return sp.id }

// Owner is who made the space.
func (sp *Space) Owner() peer.Key { return sp.handle.Owner }

// Writes reports whether the person may change the space.
func (sp *Space) Writes() bool { return sp.signer != nil }

// Name is what the space's owner calls it.
func (sp *Space) Name() string { return sp.charter.Name }

// Made is when it was made.
func (sp *Space) Made() time.Time { return time.UnixMilli(sp.charter.Made) }

// Convergent reports whether equal pieces are stored once.
func (sp *Space) Convergent() bool { return sp.charter.Convergent }

// each runs f for 0 to n-1, some at once, each as a task, and returns the first error.
func (s *Spaces) each(t *task.T, n int, f func(t *task.T, i int) error) error {
	if n == 1 {
		return f(t, 0)
	}
	next := 0
	var failed error
	workers := min(n, s.cfg.Window)
	_, err := task.Gather(t, time.Hour, workers, func(_ int, resolve func(struct{}, error)) {
		s.ep.Go(func(t *task.T) error {
			for next < n && failed == nil {
				i := next
				next++
				if err := f(t, i); err != nil && failed == nil {
					failed = err
				}
			}
			return nil
		}, func(err error) { resolve(struct{}{}, err) })
	}, nil)
	return errors.Join(err, failed)
}

// give reclaims objects that nothing refers to, after a while.
func (sp *Space) give(refs []piece.Ref) {
	if len(refs) == 0 {
		return
	}
	refs = slices.Clone(refs)
	sp.s.ep.Go(func(t *task.T) error {
		if err := t.Sleep(sp.s.cfg.Grace); err != nil {
			return err
		}
		return sp.reclaims(t, refs)
	}, nil)
}

// reclaims gives objects back.
func (sp *Space) reclaims(t *task.T, refs []piece.Ref) error {
	return sp.s.each(t, len(refs), func(t *task.T, i int) error { return sp.reclaim(t, refs[i]) })
}

// reclaim gives one object back. That it cannot be is no error: there is nobody to tell.
func (sp *Space) reclaim(t *task.T, r piece.Ref) error {
	if signer := sp.signerOf(r); signer != nil {
		if err := sp.s.archives.Reclaim(t, r, signer); errors.Is(err, task.ErrStopped) {
			return err
		}
		return nil
	}
	for _, signer := range sp.signers() {
		if err := sp.s.cfg.Past.Reclaim(t, r.Object, signer); err == nil || errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	return nil
}
