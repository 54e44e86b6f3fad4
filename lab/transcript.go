package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// transcript is what happens in a storm, for a person to read: a line for each event,
// and for the same event again at once, as a checker sees it, only one. A nil
// transcript takes everything and keeps nothing.
type transcript struct {
	ring  *Ring
	lines []string
	last  string // without its time
	cut   string // which paths are cut, at the last look
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
	now := time.Duration(0)
	if l.ring != nil {
		now = l.ring.Sim.Now()
	}
	l.lines = append(l.lines, fmt.Sprintf("%9.3f s  %s", now.Seconds(), text))
}

// watch lets the transcript see what nodes and links do.
func (l *transcript) watch(c *Config) {
	if l == nil {
		return
	}
	c.Sim.Observe.Life = func(n sim.NodeRef, what sim.LifeEvent) { l.say("node %d %v", n, what) }
	c.Sim.Observe.Link = func(n, with sim.NodeRef, why machine.DownReason) {
		if why != 0 {
			l.say("node %d: the link with node %d is down: %v", n, with, why)
		}
	}
	c.Tune = func(p *pastry.Config) {
		p.Observe.Verdict = func(n *pastry.Node, about *peer.Handle) {
			l.say("%s holds %s to be dead", l.name(n.Self()), l.name(about))
		}
		p.Observe.Ready = func(n *pastry.Node, yes bool) {
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
	}
}

func (l *transcript) name(h *peer.Handle) string {
	if l.ring != nil {
		if n, ok := l.ring.Sim.Find(h.ID); ok {
			return fmt.Sprintf("node %d", n)
		}
	}
	return "node " + h.ID.Short()
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
	if now := strings.Join(cut, "; "); now != l.cut {
		l.cut = now
		if now == "" {
			now = "none"
		}
		l.say("paths that are cut: %s", now)
	}
}
