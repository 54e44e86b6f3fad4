package roll_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/roll"
	"github.com/phyllo-net/phyllo/peer"
)

func admitter(k byte, addrs ...string) *invite.Admitter {
	key := peer.Key{k}
	return &invite.Admitter{Node: id.Tiny(k), Key: key, Addrs: addrs, Admission: &peer.Admission{Admitter: key}}
}

func put(t *testing.T, r *roll.Roll, a *invite.Admitter, itself bool) (news bool) {
	known, news, room := r.With(a, itself)
	if !room {
		t.Fatalf("no room for admitter %x", a.Key[0])
	}
	r.Put(known)
	return news
}

// What an admitter says of itself replaces what others said, and not the other way round.
func TestWhoSpeaksOfWhom(t *testing.T) {
	var r roll.Roll
	for i, c := range []struct {
		addr   string
		itself bool
		news   bool
		want   string
	}{{"others", false, true, "others"}, {"others again", false, false, "others"}, {"itself", true, true, "itself"}, {"itself", true, false, "itself"}, {"others", false, false, "itself"}} {
		if news := put(t, &r, admitter(7, c.addr), c.itself); news != c.news || r.Admitter(peer.Key{7}).Addrs[0] != c.want {
			t.Errorf("step %d: news %v, want %v; known at %v, want %s", i, news, c.news, r.Admitter(peer.Key{7}).Addrs, c.want)
		}
	}
}

// The view is a matter of who is in office, not of the order in which they were seen.
func TestView(t *testing.T) {
	var a, b roll.Roll
	for k := range byte(5) {
		put(t, &a, admitter(k+1), false)
		put(t, &b, admitter(5-k), false)
	}
	as, view := a.InForce()
	if _, other := b.InForce(); len(as) != 5 || view != other {
		t.Errorf("%d in force, views %v and %v", len(as), view, other)
	}
	a.Out.Add(&peer.Expulsion{Admitter: peer.Key{2}, Number: 1, Time: 1})
	as, now := a.InForce()
	if len(as) != 4 || now == view || a.InOffice(peer.Key{2}) || !a.InOffice(peer.Key{3}) || a.InOffice(peer.Key{9}) {
		t.Errorf("%d in force after one was expelled", len(as))
	}
	self := admitter(3, "here")
	s := a.Share(self)
	if len(s.Admitters) != 4 || len(s.Expelled) != 1 || s.Admitters[1].Addrs[0] != "here" {
		t.Errorf("%d admitters and %d expulsions are shared", len(s.Admitters), len(s.Expelled))
	}
}

// Rumours cannot fill the memory, and a share fits into a frame.
func TestRoom(t *testing.T) {
	var r roll.Roll
	for k := range byte(roll.MaxKept) {
		put(t, &r, admitter(k+1), false)
	}
	if _, _, room := r.With(admitter(200), false); room {
		t.Errorf("more than %d are kept", roll.MaxKept)
	}
	if _, _, room := r.With(admitter(9), true); !room {
		t.Error("one that is known is refused")
	}
	if n := len(r.Share(admitter(1)).Admitters); n != msg.MaxCards {
		t.Errorf("%d cards in a share, want %d", n, msg.MaxCards)
	}
}
