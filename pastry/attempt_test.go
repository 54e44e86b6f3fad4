package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// A newcomer that gets a lease from one neighbour and never from the other gives up at
// last, and gives the lease back: the one who granted it may not be ready while it runs, and
// then serves no join, not this one's next attempt either.
func TestFailedJoinGivesLeasesBack(t *testing.T) {
	right, left := stranger(0x20), stranger(0xe0)
	s := soloAt(t, 0x10, right)
	var granted, released uint32
	for s.now < 3*time.Minute && released == 0 {
		all := s.sent
		s.sent = nil
		for _, e := range all {
			from := right
			if e.to.ID == left.ID {
				from = left
			}
			switch m := e.msg.(type) {
			case *msg.StateRequest:
				s.hear(from, &msg.StateReply{Seq: m.Seq, What: m.What, Active: true})
			case *msg.Hop:
				s.hear(from, &msg.Ack{Seqs: []uint32{m.Seq}})
				s.hear(from, &msg.JoinReply{Num: m.Route.Num, Leaf: []*peer.Handle{right, left}})
			case *msg.LeafProbe:
				s.hear(from, &msg.LeafProbe{Reply: true, Num: m.Num, Active: true})
			case *msg.Lease:
				switch {
				case m.Release != 0 && from == left:
					released = m.Release
				case m.Ask == 0:
				case from == left:
					granted = m.Ask
					s.hear(left, &msg.Lease{Right: true, Active: true, Ready: true, Grant: m.Ask, Length: m.For})
				default:
					s.hear(right, &msg.Lease{Active: true, Ready: true, Deny: m.Ask})
				}
			}
		}
		s.run(50 * time.Millisecond)
	}
	if granted == 0 || released != granted {
		t.Errorf("lease %d was granted, and %d given back after %v", granted, released, s.now)
	}
	if s.Ready(clockAt(s.now)) {
		t.Error("the newcomer claims keys")
	}
}

// A newcomer's left neighbour starts again after it has granted a lease, and knows nothing of it. Until it has granted
// another one the newcomer claims nothing, though the right one grants a lease, too.
func TestNewcomerBesideOneWhoStartsAgain(t *testing.T) {
	right, left := stranger(0x20), stranger(0xe0)
	again := *left
	again.Incarnation++
	s := soloAt(t, 0x10, right)
	var granted, anew time.Duration // when the left one granted its leases
	for s.now < 10*time.Second && (anew == 0 || s.now < anew+time.Second) {
		all := s.sent
		s.sent = nil
		for _, e := range all {
			from := right
			if e.to.ID == left.ID {
				if from = left; granted != 0 {
					from = &again
				}
			}
			switch m := e.msg.(type) {
			case *msg.StateRequest:
				s.hear(from, &msg.StateReply{Seq: m.Seq, What: m.What, Active: true})
			case *msg.Hop:
				s.hear(from, &msg.Ack{Seqs: []uint32{m.Seq}})
				s.hear(from, &msg.JoinReply{Num: m.Route.Num, Leaf: []*peer.Handle{right, left}})
			case *msg.LeafProbe:
				if !m.Reply {
					s.hear(from, &msg.LeafProbe{Reply: true, Num: m.Num, Active: true})
				}
			case *msg.Lease:
				switch {
				case m.Ask == 0:
				case from == left:
					granted = s.now
					s.hear(left, &msg.Lease{Right: true, Active: true, Ready: true, Grant: m.Ask, Length: m.For})
					s.sent = nil // what it asked the right one before it knew is lost
					s.hear(&again, &msg.LeafProbe{Active: true})
				case from == right:
					s.hear(right, &msg.Lease{Active: true, Ready: true, Grant: m.Ask, Length: m.For})
				case s.now > granted+5*time.Second:
					anew = s.now
					s.hear(&again, &msg.Lease{Right: true, Active: true, Ready: true, Grant: m.Ask, Length: m.For})
				}
			}
		}
		if s.Ready(clockAt(s.now)) && anew == 0 {
			t.Fatalf("it claims keys %v after the start, and its left neighbour has forgotten it", s.now)
		}
		s.run(50 * time.Millisecond)
	}
	if !s.Ready(clockAt(s.now)) {
		t.Errorf("the left one granted a lease at %v and, after it had started again, at %v, and it claims nothing", granted, anew)
	}
}
