package office

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/turn"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

var (
	// ErrNotRoot: this node is not the object's root, as far as it knows.
	ErrNotRoot = errors.New("past: not the root of this object")
	// ErrAway: a majority of the holders is not reachable, or another root took office.
	ErrAway = errors.New("past: a majority of the holders is not reachable")

	errHigher = errors.New("past: a later term was promised")
)

// Config is what a root needs: see past.Config.
type Config struct {
	Ring        id.Hash
	Signer      peer.Signer
	Verifier    peer.Verifier
	Certificate func() *peer.Certificate
	Ask         time.Duration
	Skew        time.Duration // how far others' clocks may be ahead
}

// Holder is what a root sees of the half of storage that keeps, at its own node.
type Holder interface {
	// Serves reports whether the holder knows what it keeps.
	Serves() bool
	// Ruling returns the ruling that is kept about an object, or nil.
	Ruling(o id.Hash) *certificate.Ruling
	// Rivals returns the versions that are kept of an object besides the current one. The
	// error is task.ErrStopped.
	Rivals(t *task.T, o id.Hash) ([]*certificate.Version, error)
	// Away returns the neighbours that went away a while ago, and may come back: before they are given up nobody is
	// sure that there is no such object.
	Away() []id.ID
	// Awaited returns those of them that went a moment ago, and are waited for before anybody goes on
	// without a majority.
	Awaited() []id.ID
	// Missed returns who has been out of sight for longer than that, and is not lost: counted are those without whom
	// the others are no majority of all, none if they are one; others are those without whom a majority went on.
	Missed() (counted, others []id.ID)
	// Lost reports whether a node is taken for lost: it was expelled, or is out of sight for so long that
	// nobody waits for it.
	Lost(id.ID) bool
}

// Offices are the terms of one node as the root of mutable objects. Its methods belong to
// the node's loop.
type Offices struct {
	// BadInput counts what was signed wrong.
	BadInput uint64

	cfg    Config
	ep     kbr.Endpoint
	asker  *client.Asker
	holder Holder
	turns  turn.Turns
	held   map[id.Hash]*Office
}

// New returns the offices of a node, which asks through an Asker.
func New(c Config, ep kbr.Endpoint, a *client.Asker, h Holder) *Offices {
	return &Offices{cfg: c, ep: ep, asker: a, holder: h, turns: make(turn.Turns), held: make(map[id.Hash]*Office)}
}

// Office is a root's term for one mutable object.
type Office struct {
	all     *Offices
	object  id.Hash
	copies  int
	term    certificate.Term
	number  uint64         // of the latest ruling
	nodes   []*peer.Handle // the k nearest, this node first
	holders certificate.Holders
	current *certificate.Version
	// origin and absorbed are those of all rulings of the office: see certificate.Ruling.
	origin   certificate.Term
	absorbed []*certificate.Absorbed
}

const (
	// maxOffices bounds the memory; who has more takes them anew.
	maxOffices = 4096
	// maxTerms is how often a root tries a later term. In the last it does without those who have promised a later one
	// still, if others are enough: one liar could say so for ever. Nor does it go by what a minority says then. Where
	// the others are not enough one more follows, in which it goes by whatever was said: see take.
	maxTerms = 4
	// clocks is how far a holder's clock may be behind the root's in such a last term, at least.
	clocks = 30 * time.Second
	// work bounds each piece of work.
	work = 30 * time.Second
)

// Mode is how a root serves: any of these, or none.
type Mode uint8

// The modes.
const (
	// Fresh: in a new term. In an older one a root may only decide, which fails if another
	// root has taken office since; what it remembers may be of the past.
	Fresh Mode = 1 << iota
	// Apart: where a majority of the holders is gone for longer than they are waited for, without it.
	Apart
)

// Serve lets f act as the object's root, alone, in a term that a majority of the holders
// has agreed to. The error is f's, ErrNotRoot, ErrAway, or one of the task.
func (s *Offices) Serve(t *task.T, o id.Hash, copies int, mode Mode, f func(*Office) error) error {
	if !s.holder.Serves() {
		return ErrNotRoot
	}
	if err := s.turns.Take(t, o); err != nil {
		return err
	}
	defer s.turns.Leave(o)
	set := s.asker.Replicas(o.Place(), copies, 0)
	if !s.ep.Ready() || len(set) == 0 || set[0].ID != s.ep.Self().ID {
		delete(s.held, o)
		return ErrNotRoot
	}
	of := s.held[o]
	if of == nil || mode&Fresh != 0 || !sameNodes(of.nodes, set) {
		delete(s.held, o)
		var err error
		if of, err = s.take(t, o, copies, set, mode); err != nil {
			return err
		}
		if len(s.held) >= maxOffices {
			clear(s.held)
		}
		s.held[o] = of
	}
	err := f(of)
	if err != nil {
		delete(s.held, o) // what is current is not known any more
	}
	return err
}

func sameNodes(a, b []*peer.Handle) bool {
	return slices.EqualFunc(a, b, func(x, y *peer.Handle) bool { return x.ID == y.ID && x.Incarnation == y.Incarnation })
}

// take begins a term: it asks for promises, learns what is current, and completes it under
// its own term among the old holders and the new.
func (s *Offices) take(t *task.T, o id.Hash, copies int, set []*peer.Handle, mode Mode) (*Office, error) {
	of := &Office{all: s, object: o, copies: copies, nodes: set, term: certificate.Term{Count: 1, Root: s.ep.Self().ID}}
	if r := s.holder.Ruling(o); r != nil {
		of.term.Count = r.Term.Count + 1
	}
	for try := 1; try <= maxTerms+1; try++ {
		c := &canvass{all: s, of: of, apart: mode&Apart != 0, last: try >= maxTerms, heard: make(map[id.ID]*answer)}
		switch met, err := c.run(t); {
		case errors.Is(err, errHigher) && try+1 == maxTerms:
			of.term.Count = max(of.term.Count, c.common()) + 1
		case errors.Is(err, errHigher):
			of.term.Count = c.later() + 1
		case errors.Is(err, ErrAway) && mode&Apart != 0 && c.parted():
			of.holders = c.members()
			return of, c.leave(t)
		case errors.Is(err, ErrAway) && try <= maxTerms && c.said() >= of.term.Count:
			// A minority alone says so, and may lie; but without it there is no majority, and it may have been led
			// to promise so much while there was no root.
			of.term.Count, try = c.said()+1, maxTerms
		case err != nil:
			return nil, err
		case len(met) == 0:
			of.holders, of.origin, of.absorbed = c.makers(), of.term, c.guess
			return of, nil
		default:
			of.holders = c.members()
			return of, c.complete(t, met)
		}
	}
	return nil, ErrAway
}

// Object is the object's id.
func (of *Office) Object() id.Hash { return of.object }

// Current is the version that is current, nil if there is no such object yet.
func (of *Office) Current() *certificate.Version { return of.current }

// Apart reports whether a majority of the object's holders has no say in what is decided.
func (of *Office) Apart() bool {
	return (&certificate.Ruling{Absorbed: of.absorbed}).Apart() > 0
}

// Decide makes a version current, and tells the holders what pays for it; or it fails with
// ErrAway, and then the version may become current all the same. The first version is a draft
// until a majority has it.
func (of *Office) Decide(t *task.T, cert *certificate.Certificate, content []byte, pay *voucher.Payment) error {
	b, v := ballot{of: of, pay: pay, to: of.nodes}, &certificate.Version{Certificate: cert, Content: content}
	of.absorbed = certificate.Resolve(of.absorbed, cert.Resolves)
	if b.draft = of.current == nil; b.draft {
		if err := b.rule(t, v, of.holders, nil); err != nil {
			return err
		}
		b.draft = false
	}
	return b.rule(t, v, of.holders, nil)
}
