package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/users"
)

// Invite implements api.Node.
func (f face) Invite(ctx context.Context, q api.InviteRequest) (*api.Invitation, error) {
	uses, expires := q.Uses, time.Duration(q.Expires)*time.Second
	if uses == 0 {
		uses = invite.DefaultUses
	}
	if q.Expires == 0 {
		expires = invite.DefaultExpiry
	}
	if uses < 1 || uses > invite.MaxUses || q.Expires < 0 || q.Expires > int64(invite.MaxExpiry/time.Second) {
		return nil, api.Errorf(api.Usage, "an invitation has 1 to 1,000 uses and at most 90 days, as in `phyllo invite --uses 3 --expires 48h`")
	}
	inv, err := f.n.member.Invite(ctx, invite.Options{Uses: uses, Expires: expires})
	if err != nil {
		return nil, kind.Give(err)
	}
	line := inv.String()
	return &api.Invitation{Invite: line, Uses: uses, Expires: inv.Expires.UTC(), QR: qr(line)}, nil
}

// qr draws an invitation, nil if it is too long for that. In upper case it means the
// same and takes less room.
func qr(line string) []string {
	code, err := qrcode.New(strings.ToUpper(line), qrcode.Low)
	if err != nil {
		return nil
	}
	code.DisableBorder = true
	var rows []string
	for _, row := range code.Bitmap() {
		text := make([]byte, len(row))
		for i, dark := range row {
			text[i] = '0'
			if dark {
				text[i] = '1'
			}
		}
		rows = append(rows, string(text))
	}
	return rows
}

// Join implements api.Node.
func (f face) Join(ctx context.Context, text string) (*api.Joined, error) {
	inv, err := invite.Parse(text)
	if err != nil {
		return nil, kind.Give(err)
	}
	n := f.n
	if ring, err := n.member.Ring(); err == nil && ring.ID == inv.Ring {
		return n.joined(ctx)
	}
	if err := n.mayMove(); err != nil {
		return nil, err
	}
	if _, err := n.member.Redeem(ctx, inv); err != nil {
		return nil, kind.Give(err)
	}
	return n.moved(ctx)
}

// mayMove refuses to leave a ring in which there are others.
func (n *Node) mayMove() error {
	alone, err := n.member.IsAlone()
	switch {
	case err != nil:
		return kind.Give(err)
	case !alone:
		return api.Wrap(api.Failed, member.ErrInRing)
	}
	return nil
}

// moved takes the node's place in the ring that it has just entered, with its users.
func (n *Node) moved(ctx context.Context) (*api.Joined, error) {
	n.change.Lock()
	err := n.leavePlace(ctx, false)
	for _, l := range n.carrier.Links() {
		n.carrier.Disconnect(l.Peer.ID, false)
	}
	if err == nil {
		err = n.takePlace()
	}
	n.change.Unlock()
	if err != nil {
		n.broke(fmt.Errorf("entering another ring: %w", err))
		return nil, err
	}
	if err := n.awaitReady(ctx, readyPatience); err != nil {
		return nil, kind.Give(err)
	}
	users.ClaimAll(ctx, userSide{n})
	n.ringChanged()
	return n.joined(ctx)
}

func (n *Node) joined(ctx context.Context) (*api.Joined, error) {
	ring, err := n.member.Ring()
	if err != nil {
		return nil, kind.Give(err)
	}
	v, err := n.View(ctx)
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Joined{ID: v.Self.ID, Ring: ring.ID, RingName: ring.Name, Size: sizeOf(v)}, nil
}

// Admit implements api.Node.
func (f face) Admit(ctx context.Context, code string) (*api.Member, error) {
	node, err := f.n.member.Admit(ctx, code)
	if err != nil {
		return nil, kind.Give(err)
	}
	list, err := f.Members(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].ID == node {
			return &list[i], nil
		}
	}
	return &api.Member{ID: node}, nil
}

// Members implements api.Node.
func (f face) Members(context.Context) ([]api.Member, error) {
	list, err := f.n.member.List()
	if err != nil {
		return nil, kind.Give(err)
	}
	ring, err := f.n.member.Ring()
	if err != nil {
		return nil, kind.Give(err)
	}
	expelled := map[id.ID]time.Time{}
	for _, e := range f.n.member.Expulsions() {
		if !e.Node.IsZero() && !e.Pardon {
			expelled[e.Node] = time.Unix(e.Time, 0).UTC()
		}
	}
	links := map[id.ID]string{}
	for _, l := range f.n.carrier.Links() {
		links[l.Peer.ID] = l.Addr
	}
	var out []api.Member
	for _, r := range list {
		m := api.Member{ID: r.Node, Self: r.Self, Admitter: r.Admitter, Authority: r.Self && ring.Authority, Until: r.Ends.UTC(), Waiting: r.Wished}
		switch by := r.ByNode; {
		case by.IsZero():
			m.AdmittedBy = directory.Fingerprint(r.By)
		case by == r.Node:
			m.AdmittedBy = "authority"
		default:
			m.AdmittedBy = by.String()
		}
		if r.Expelled {
			m.Expelled = expelled[r.Node]
		}
		m.Addr, m.Connected = links[r.Node], links[r.Node] != ""
		out = append(out, m)
	}
	sortMembers(out)
	return out, nil
}

// Expel implements api.Node.
func (f face) Expel(ctx context.Context, node id.ID) error {
	return kind.Give(f.n.member.Expel(ctx, node))
}

// Pardon implements api.Node.
func (f face) Pardon(ctx context.Context, node id.ID) error {
	return kind.Give(f.n.member.Pardon(ctx, node))
}

// Promote implements api.Node.
func (f face) Promote(ctx context.Context, node id.ID) error {
	return kind.Give(f.n.member.Promote(ctx, node))
}

// RingBackup implements api.Node.
func (f face) RingBackup(_ context.Context, passphrase string) (*api.Sealed, error) {
	text, err := f.n.member.Backup([]byte(passphrase), keys.DefaultCost)
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Sealed{Text: string(text)}, nil
}

// RingBackedUp implements api.Node.
func (f face) RingBackedUp(context.Context) error {
	if _, err := f.n.member.Authority(); err != nil {
		return kind.Give(err)
	}
	return kind.Give(f.n.noteBackup())
}

// backedUp is where it is noted that there is a backup of a ring's authority key.
func backedUp(ring id.Hash) []byte { return slices.Concat(backupKey, ring[:]) }

// noteBackup notes that there is a backup of the authority key, so that the doctor does not ask for one.
func (n *Node) noteBackup() error {
	ring, err := n.member.Ring()
	if err != nil {
		return err
	}
	return n.records.Put(backedUp(ring.ID), []byte(n.clock.Now().UTC().Format(time.RFC3339)))
}

// RingRestore implements api.Node.
func (f face) RingRestore(ctx context.Context, backup api.Sealed, passphrase string) error {
	before, _ := f.n.member.Ring() // in none: the zero ring
	if err := f.n.member.Restore([]byte(backup.Text), []byte(passphrase)); err != nil {
		return kind.Give(err)
	}
	if err := f.n.noteBackup(); err != nil { // the key is here all the same
		f.n.log.Warn("that there is a backup of the authority key could not be noted", "error", err)
	}
	if now, err := f.n.member.Ring(); err == nil && now.ID != before.ID {
		_, err := f.n.moved(ctx)
		return err
	}
	return nil
}
