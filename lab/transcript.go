package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// transcript is what happens in a storm, for a person to read: a line for each event,
// and for the same event again at once, as a checker sees it, only one. A nil
// transcript takes everything and keeps nothing.
type transcript struct {
	ring  *Ring
	lines []string
	last  string // without its time
	cut   string // which paths are cut, at the last look
	// clogged is until when nodes that were clogged at the last look are.
	clogged map[sim.NodeRef]time.Duration
	tell    func(Event)          // nil, or told all that happens
	known   map[sim.NodeRef]bool // of whom tell was told
}

// Transcribe runs the storm and returns what happened in it, each line with the virtual
// time. What was found wrong stands among it, after "WRONG:".
func (t Tempest) Transcribe() []string {
	log := new(transcript)
	t.storm(log).Run(t.Rage)
	return log.lines
}

// say adds a line at the present virtual time.
func (l *transcript) say(format string, args ...any) {
	if l == nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	if text == l.last {
		return
	}
	l.last = text
	l.lines = append(l.lines, fmt.Sprintf("%9.3f s  %s", l.now().Seconds(), text))
	l.event(Event{Kind: Line, Text: text})
}

func (l *transcript) now() time.Duration {
	if l.ring == nil {
		return 0
	}
	return l.ring.Sim.Now()
}

// event tells what happens now.
func (l *transcript) event(e Event) {
	if l != nil && l.tell != nil {
		e.Time = l.now()
		l.tell(e)
	}
}

// watch lets the transcript see what nodes and links do.
func (l *transcript) watch(c *Config) {
	if l == nil {
		return
	}
	send := c.Sim.Observe.Send
	c.Sim.Observe.Send = func(from, to sim.NodeRef, class machine.Class, m wire.Message, bytes int) {
		send(from, to, class, m, bytes)
		l.sent(from, to, m)
	}
	c.Sim.Observe.Drop = func(from, to sim.NodeRef, k wire.Kind, why sim.Loss) { l.lost(from, to, k, why) }
	c.Sim.Observe.Life = func(n sim.NodeRef, what sim.LifeEvent) {
		l.life(n, what)
		l.say("node %d %v", n, what)
	}
	c.Sim.Observe.Link = func(n, with sim.NodeRef, why machine.DownReason) {
		if why != 0 {
			l.say("node %d: the link with node %d is down: %v", n, with, why)
		}
	}
	tune := c.Tune
	c.Tune = func(p *pastry.Config) {
		tune(p)
		p.Observe.Verdict = func(n *pastry.Node, about *peer.Handle) {
			l.say("%s holds %s to be dead", l.name(n.Self()), l.name(about))
			l.event(Event{Kind: Verdict, Node: l.number(n.Self()), With: l.number(about)})
		}
		p.Observe.Ready = func(n *pastry.Node, yes bool) {
			l.event(Event{Kind: Claims, Node: l.number(n.Self()), Yes: yes})
			if yes {
				l.say("%s claims its keys", l.name(n.Self()))
			} else {
				l.say("%s claims nothing any more", l.name(n.Self()))
			}
		}
	}
}

// follow tells the transcript the ring that it is about.
func (l *transcript) follow(s *Storm) {
	if l != nil {
		l.ring, s.Truth.log = s.Ring, l
		l.clogged = make(map[sim.NodeRef]time.Duration)
	}
}

func (l *transcript) name(h *peer.Handle) string {
	if n := l.number(h); n >= 0 {
		return fmt.Sprintf("node %d", n)
	}
	return "node " + h.ID.Short()
}

// number is that of a node of the ring, or -1.
func (l *transcript) number(h *peer.Handle) int {
	if l.ring != nil {
		if n, ok := l.ring.Sim.Find(h.ID); ok {
			return int(n)
		}
	}
	return -1
}

// paths notes when other paths are cut than at the last look.
func (l *transcript) paths() {
	if l == nil {
		return
	}
	var cut []string
	for a := range l.ring.Sim.Len() {
		var to []string
		for b := range l.ring.Sim.Len() {
			if a != b && !l.ring.Sim.Reaches(sim.NodeRef(a), sim.NodeRef(b)) {
				to = append(to, fmt.Sprint(b))
			}
		}
		if len(to) > 0 {
			cut = append(cut, fmt.Sprintf("%d to %s", a, strings.Join(to, ",")))
		}
	}
	l.clogs()
	if now := strings.Join(cut, "; "); now != l.cut {
		l.cut = now
		if now == "" {
			now = "none"
		}
		l.say("paths that are cut: %s", now)
	}
}

// clogs notes the nodes that nothing reaches for a while, when that begins or grows longer.
func (l *transcript) clogs() {
	for a := range l.ring.Sim.Len() {
		n := sim.NodeRef(a)
		until := l.now() + l.ring.Sim.Clogged(n)
		if until > l.now() && until != l.clogged[n] {
			l.clogged[n] = until
			l.say("node %d is clogged until %.3f s", a, until.Seconds())
		}
	}
}
