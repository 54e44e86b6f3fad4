package fakenode

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// Invite is the invitation that a fake node gives out, and takes.
const Invite = "phyllo1aq3xk5zt7mfvw2ryhc6n4sbgdejpulo"

// Code is what is compared on the local network.
const Code = "271828"

// Invite implements api.Node.
func (n *Node) Invite(_ context.Context, q api.InviteRequest) (*api.Invitation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.Uses < 0 || q.Uses > 1000 || q.Expires < 0 || q.Expires > 90*24*3600 {
		return nil, api.Errorf(api.Usage, "an invitation has 1 to 1,000 uses and at most 90 days, as in `phyllo invite --uses 3 --expires 48h`")
	}
	v := &api.Invitation{Invite: Invite, Uses: max(q.Uses, 1), Expires: n.clock.Add(24 * time.Hour), QR: []string{"10", "01"}}
	if q.Expires > 0 {
		v.Expires = n.clock.Add(time.Duration(q.Expires) * time.Second)
	}
	return v, nil
}

// Join implements api.Node.
func (n *Node) Join(_ context.Context, invite string) (*api.Joined, error) {
	if !strings.HasPrefix(invite, "phyllo1") {
		return nil, api.Errorf(api.Usage, "not an invitation: it is one word that begins with phyllo1")
	}
	if invite != Invite {
		return nil, api.Errorf(api.Failed, "this invitation was used already: ask for another with `phyllo invite`")
	}
	return n.enter(), nil
}

func (n *Node) enter() *api.Joined {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joined = true
	return &api.Joined{ID: nodeID(0), Ring: Ring(), RingName: "home", Size: 5}
}

// LanRings implements api.Node.
func (n *Node) LanRings(context.Context) ([]api.LanRing, error) {
	return []api.LanRing{{Name: "home", Ring: Ring(), Nodes: 2}, {Name: "the\u202elab\x1b[31m", Ring: hash("other"), Nodes: 1}}, nil
}

// LanAsk implements api.Node.
func (n *Node) LanAsk(_ context.Context, ring string) (*api.LanCode, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ring != "home" {
		return nil, api.Errorf(api.NotFound, "no ring %q on this network: `phyllo join` lists them", ring)
	}
	n.asked = true
	return &api.LanCode{Code: Code, RingName: "home", Ring: Ring(), Until: n.clock.Add(time.Minute)}, nil
}

// LanConfirm implements api.Node.
func (n *Node) LanConfirm(_ context.Context, code string) (*api.Joined, error) {
	n.mu.Lock()
	open := n.asked
	n.asked = false
	n.mu.Unlock()
	if !open || code != Code {
		return nil, api.Errorf(api.Failed, "the request to join was not confirmed: compare the six digits, and ask again")
	}
	return n.enter(), nil
}

// Admit implements api.Node.
func (n *Node) Admit(_ context.Context, code string) (*api.Member, error) {
	if code != Code {
		return nil, api.Errorf(api.Failed, "these are not the digits of the open request, which is closed now: if they were typed right, somebody stands between you: let the other side ask again, or give it an invitation")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m := api.Member{ID: hash("newcomer").Place(), AdmittedBy: nodeID(0).String(), Until: n.clock.Add(90 * 24 * time.Hour), Addr: "10.0.0.9:4280"}
	n.members = append(n.members, m)
	return &m, nil
}

// Members implements api.Node.
func (n *Node) Members(context.Context) ([]api.Member, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.members), nil
}

func (n *Node) change(x id.ID, f func(*api.Member)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := slices.IndexFunc(n.members, func(m api.Member) bool { return m.ID == x })
	if at < 0 {
		return api.Errorf(api.NotFound, "no member has the id %s: see `phyllo member list`", x)
	}
	f(&n.members[at])
	return nil
}

// Expel implements api.Node.
func (n *Node) Expel(_ context.Context, x id.ID) error {
	return n.change(x, func(m *api.Member) { m.Expelled, m.Connected = n.clock, false })
}

// Pardon implements api.Node.
func (n *Node) Pardon(_ context.Context, x id.ID) error {
	return n.change(x, func(m *api.Member) { m.Expelled = time.Time{} })
}

// Promote implements api.Node.
func (n *Node) Promote(_ context.Context, x id.ID) error {
	return n.change(x, func(m *api.Member) { m.Admitter = true })
}

func sealed(what, passphrase string) (*api.Sealed, error) {
	if len(passphrase) < 8 {
		return nil, api.Errorf(api.Usage, "the passphrase is too short: at least 8 characters, better a few words")
	}
	return &api.Sealed{Text: "phyllo " + what + "\n" + hash(what+passphrase).String() + "\n"}, nil
}

// open reports whether text is what sealed gave.
func open(what string, s api.Sealed, passphrase string) error {
	want, err := sealed(what, passphrase)
	if err != nil || *want != s {
		return api.Errorf(api.Failed, "wrong passphrase, or a damaged file")
	}
	return nil
}

// RingBackup implements api.Node.
func (n *Node) RingBackup(_ context.Context, passphrase string) (*api.Sealed, error) {
	return sealed("ring backup", passphrase)
}

// RingBackedUp implements api.Node.
func (n *Node) RingBackedUp(context.Context) error { return nil }

// RingRestore implements api.Node.
func (n *Node) RingRestore(_ context.Context, backup api.Sealed, passphrase string) error {
	return open("ring backup", backup, passphrase)
}
