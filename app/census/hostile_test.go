package census_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
)

// lies are what a node may tell of its part instead of what is so. Each is thrown away, or
// does no harm.
var lies = map[string]func(h *house, scope id.Range) *census.Forged{
	"a million nodes": func(*house, id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1_000_000, Offered: 1 << 60}}
	},
	"more bytes than a node can have": func(*house, id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1, Offered: 1 << 52}}
	},
	"a million nodes lost": func(*house, id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1, Lost: 1_000_000}}
	},
	"versions of more nodes than there are": func(*house, id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1, Versions: []census.Version{{Name: "v", Nodes: 5}}}}
	},
	"ranges of others": func(_ *house, r id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1}, More: []id.Range{{From: r.From.Sub(id.ID{Hi: 1}), To: r.To}}}
	},
	"that all of others is lost": func(_ *house, r id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1}, Lost: []id.Range{{From: r.To.Add(id.ID{Lo: 1}), To: r.From.Sub(id.ID{Lo: 1})}}}
	},
	"records of a name elsewhere": func(h *house, r id.Range) *census.Forged {
		far := r.From.Add(id.ID{Hi: 1 << 63})
		for _, n := range names("x", 100) {
			if directory.Name(n).Key().Distance(far).Hi < 1<<61 {
				return &census.Forged{Sum: census.Sum{Nodes: 1}, Records: []*directory.Record{h.t.person(n, directory.Profile{})}}
			}
		}
		panic("no name lies elsewhere")
	},
	"records that nobody signed": func(h *house, r id.Range) *census.Forged {
		var rs []*directory.Record
		for _, n := range names("x", 200) {
			if r.Contains(directory.Name(n).Key()) {
				rec := h.t.person(n, directory.Profile{})
				rec.Identity = standin.NewSigner(9, 9).Public()
				rs = append(rs, rec)
			}
		}
		return &census.Forged{Sum: census.Sum{Nodes: 1}, Records: rs}
	},
	"that hardly anybody is there": func(*house, id.Range) *census.Forged {
		return &census.Forged{Sum: census.Sum{Nodes: 1}}
	},
	"that it goes on for ever": func(h *house, _ id.Range) *census.Forged {
		self := h.cert.Node
		return &census.Forged{Sum: census.Sum{Nodes: 1}, More: []id.Range{{From: self, To: self}}, On: &id.Hash{7}}
	},
	"that it goes on and on": func(h *house, _ id.Range) *census.Forged {
		self := h.cert.Node
		on := id.HashOf("on", h.t.Rand().Uint64())
		return &census.Forged{Sum: census.Sum{Nodes: 1}, More: []id.Range{{From: self, To: self}}, On: &on}
	},
	"nothing that can be read": func(*house, id.Range) *census.Forged { return nil },
}

// TestLies: whatever one node in ten tells, the others are counted and listed.
func TestLies(t *testing.T) {
	simtest.WithoutRace(t)
	t.Parallel()
	for what, lie := range lies {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, 60, uint64(len(what)))
			honest := names("u", 40)
			w.crowd(honest, directory.Profile{})
			liars := 0
			for i, h := range w.houses {
				if i%10 == 5 {
					liars++
					h.lie = func(d *kbr.Delivery) bool {
						if scope, ok := census.ScopeOf(d.Payload); ok {
							if f := lie(h, scope); f == nil {
								d.Reply([]byte("\x02nothing"))
							} else {
								d.Reply(f.Bytes())
							}
						}
						return true
					}
				}
			}
			s, a, _ := w.houses[0].count()
			if a.Nodes < 60-liars || a.Nodes > 60 || a.About > 75 || s.Offered > 60_000 {
				t.Errorf("60 nodes of which %d lie: %+v, %+v", liars, a, s)
			}
			got, a := w.houses[0].users("", 1000)
			missed := 0
			for _, n := range honest {
				if !slices.Contains(got, n) {
					missed++
				}
			}
			// A liar can leave out what lies in the small part that it was asked about.
			if missed > 2*liars || len(got) > len(honest) || a.Nodes > 60 || a.About > 75 {
				t.Errorf("of %d people %d are not listed, of %d; %+v", len(honest), missed, len(got), a)
			}
		})
	}
}

// TestSwallowed: who takes questions and never answers is gone around, and is said to be
// lost: A11 of the catalogue of attackers.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	w := newTown(t, 60, 77)
	for i, h := range w.houses {
		if i%5 == 3 {
			h.lie = func(*kbr.Delivery) bool { return true }
		}
	}
	_, a, took := w.houses[0].count()
	if a.Nodes != 48 || a.About < 55 || a.About > 65 || took > 21*time.Second {
		t.Errorf("60 nodes of which 12 swallow: %+v after %v", a, took)
	}
}

// TestTwice: an answer that comes twice counts once.
func TestTwice(t *testing.T) {
	t.Parallel()
	w := newTown(t, 20, 5)
	for _, h := range w.houses[1:] {
		h.lie = func(d *kbr.Delivery) bool {
			answer := d.Answer
			d.Answer = func(b []byte, err *kbr.RefusedError) {
				answer(slices.Clone(b), err)
				answer(b, err)
			}
			return false
		}
	}
	if _, a, _ := w.houses[0].count(); a.Nodes != 20 || a.About != 20 {
		t.Errorf("20 nodes: %+v", a)
	}
}

// TestFlood: a member that asks without end is served within the limits, and under
// invented names not more.
func TestFlood(t *testing.T) {
	t.Parallel()
	for _, invent := range []bool{false, true} {
		w := newTown(t, 30, 12)
		eve := w.houses[4]
		refused := 0
		w.Sim.Call(eve.node, func() {
			for range 3000 {
				q := census.Asked{Origin: eve.cert.Node, Scope: id.Range{Full: true}, Left: 5000}
				if invent {
					q.Origin = id.ID{Hi: w.Rand().Uint64()}
				}
				eve.ep.Ask(w.Sim.Handle(0), q.Bytes(), kbr.Options{Timeout: 10 * time.Second}, func(_ kbr.Answer, err error) {
					if err != nil {
						refused++
					}
				})
			}
		})
		w.Sim.RunFor(20 * time.Second)
		s := w.houses[0].census.Stats()
		if most := uint64(census.Default().PerPeer) + 200; s.Asked > most || refused < 2000 {
			t.Errorf("of 3,000 questions %d were served, %d refused", s.Asked, refused)
		}
		for i, h := range w.houses {
			if n := h.census.Stats().Asked; n > uint64(census.Default().InAll)*3/2 {
				t.Errorf("node %d had to serve %d questions", i, n)
			}
		}
		w.Sim.RunFor(2 * time.Minute)
		if _, a, _ := w.houses[9].count(); a.Nodes != 30 {
			t.Errorf("after the flood: %+v", a)
		}
	}
}

// TestMalformed: what makes no sense is refused and counted.
func TestMalformed(t *testing.T) {
	t.Parallel()
	w := newTown(t, 2, 1)
	good := census.Asked{Scope: id.Range{Full: true}, Left: 1000}
	if !w.served(good.Bytes()) {
		t.Fatal("a good question is not served")
	}
	for what, change := range map[string]func(*census.Asked){
		"no time":              func(a *census.Asked) { a.Left = 0 },
		"time without end":     func(a *census.Asked) { a.Left = math.MaxUint32 },
		"too deep":             func(a *census.Asked) { a.Depth = 33 },
		"many to avoid":        func(a *census.Asked) { a.Avoid = 9 },
		"full with an end":     func(a *census.Asked) { a.Scope.To = id.ID{Lo: 1} },
		"going on everywhere":  func(a *census.Asked) { a.Users, a.After = true, new(id.Hash) },
		"a long pattern":       func(a *census.Asked) { a.Users, a.Match = true, census.Pattern(strings.Repeat("*", 129)) },
		"a pattern of no text": func(a *census.Asked) { a.Users, a.Match = true, "\xff" },
	} {
		a := good
		change(&a)
		b := encoded(a)
		if b != nil && w.served(b) {
			t.Errorf("%s: it is served", what)
		}
	}
	for what, b := range map[string][]byte{"empty": nil, "another protocol": {9, 0xa0}, "an answer": census.Forged{Sum: census.Sum{Nodes: 1}}.Bytes(), "cut off": good.Bytes()[:9]} {
		if w.served(b) {
			t.Errorf("%s: it is served", what)
		}
	}
}

// encoded is a question on the wire, or nil if the codec knows that it is none.
func encoded(a census.Asked) (b []byte) {
	defer func() {
		if recover() != nil {
			b = nil
		}
	}()
	return a.Bytes()
}

// served reports whether node 0 answers a payload of node 1.
func (w *town) served(b []byte) bool {
	var ok, done bool
	bad := w.houses[0].census.Stats().BadInput
	w.Sim.Call(1, func() {
		w.houses[1].ep.Ask(w.Sim.Handle(0), b, kbr.Options{}, func(_ kbr.Answer, err error) { ok, done = err == nil, true })
	})
	w.Sim.RunUntil(func() bool { return done }, 10*time.Millisecond, time.Minute)
	if !ok && w.houses[0].census.Stats().BadInput == bad {
		w.t.Errorf("% x is refused and not counted", b)
	}
	return ok
}

// TestPatterns: what fits, whatever the case.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed, name string
		fits        bool
	}{
		{"", "bob", true}, {"*", "bob", true}, {"bob", "bob", true}, {"BOB", "bob", true}, {"b?b", "bob", true}, {"b?b", "bb", false},
		{"b*", "bob", true}, {"b*b", "bb", true}, {"*ob", "bob", true}, {"o*", "bob", false}, {"b*o", "bob", false}, {"*a*b*c*", "xaxbxcx", true},
		{"*a*b*c*", "xaxcxbx", false}, {"j?rg", "jörg", true}, {"JÖ*", "jörg", true}, {"***", "bob", true}, {"????", "bob", false}, {"bob?", "bob", false},
	} {
		p, err := census.ParsePattern(c.typed)
		if err != nil {
			t.Fatalf("%q: %v", c.typed, err)
		}
		if p.Match(directory.Name(c.name)) != c.fits {
			t.Errorf("%q and %q: want %v", c.typed, c.name, c.fits)
		}
	}
	if _, err := census.ParsePattern(strings.Repeat("a", 129)); err == nil {
		t.Error("a pattern of 129 bytes is taken")
	}
}

// TestConfig: a setting out of its range is named.
func TestConfig(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*census.Config){
		"Verifier": func(c *census.Config) { c.Verifier = nil }, "Patience": func(c *census.Config) { c.Patience = time.Millisecond },
		"PerOrigin": func(c *census.Config) { c.PerOrigin = 0 }, "PerPeer": func(c *census.Config) { c.PerPeer = -1 },
		"InAll": func(c *census.Config) { c.InAll = 1e7 }, "Own": func(c *census.Config) { c.Own = 0 }, "MaxServed": func(c *census.Config) { c.MaxServed = 0 },
	} {
		c := census.Default()
		c.Verifier = standin.Verifier{}
		change(&c)
		if _, err := census.New(c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzMessage feeds bytes to a node, as a question of a neighbour and as an answer to its
// own: whatever they are, it goes on, and counts no more nodes than there can be.
func FuzzMessage(f *testing.F) {
	scope := id.Range{From: id.ID{Hi: 5}, To: id.ID{Hi: 9}}
	f.Add(census.Asked{Scope: scope, Left: 1000, Depth: 3}.Bytes())
	f.Add(census.Asked{Scope: id.Range{Full: true}, Left: 1000, Users: true, Match: "a*"}.Bytes())
	f.Add(census.Forged{Sum: census.Sum{Nodes: 3, Silent: 1, Versions: []census.Version{{Name: "v1", Nodes: 2}}}, Lost: []id.Range{scope}}.Bytes())
	f.Add(census.Forged{Sum: census.Sum{Nodes: 1}, More: []id.Range{{From: scope.To, To: scope.To}}, On: &id.Hash{1}}.Bytes())
	w := newTown(f, 3, 1)
	f.Add(census.Forged{Sum: census.Sum{Nodes: 1}, Records: []*directory.Record{w.person("ann", directory.Profile{About: "bees"})}}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := census.Messages.Decode(b); err == nil {
			again, err := census.Messages.Encode(m)
			if err != nil || string(again) != string(b) {
				t.Fatalf("% x is encoded as % x (%v)", b, again, err)
			}
		}
		w.t = t
		w.Sim.RunFor(3 * time.Second) // the limits of rates
		w.Sim.Call(1, func() { w.houses[1].ep.Send(w.Sim.Handle(0), b, nil) })
		w.houses[1].lie = func(d *kbr.Delivery) bool {
			d.Reply(slices.Clone(b))
			return true
		}
		if _, a, _ := w.houses[0].count(); a.Nodes > 40 {
			t.Fatalf("% x: %+v", b, a)
		}
		w.houses[1].lie = nil
	})
}
