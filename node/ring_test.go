package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node"
)

func TestJoinMovesUsers(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	addUser(t, ns[0], "ann")
	lone := start(t, settings(t.TempDir()))
	key := addUser(t, lone, "zoe").Key
	if _, err := lone.API().UserAdd(limited(t), api.UserRequest{Name: "ann"}); err != nil {
		t.Fatal(err) // in its own ring nobody has the name yet
	}
	inv, err := ns[0].API().Invite(limited(t), api.InviteRequest{Uses: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is no error
		j, err := lone.API().Join(limited(t), inv.Invite)
		if err != nil || j.Ring != status(t, ns[0]).Ring || j.Size != 3 || j.ID != status(t, lone).ID {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	eventually(t, lone, "the users have come along", func() bool {
		u, err := ns[1].API().UserFind(limited(t), "zoe")
		return err == nil && u.Key == key && len(u.Devices) == 1 && u.Devices[0] == status(t, lone).ID
	})
	send(t, ns[0], "ann", "zoe", "welcome")
	eventually(t, lone, "the second ann is told that her name is taken", func() bool {
		list, err := lone.API().UserList(limited(t))
		return err == nil && len(list) == 2 && list[0].Name == "ann" && list[0].Trouble != ""
	})

	other := start(t, settings(t.TempDir()))
	inv, err = other.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lone.API().Join(limited(t), inv.Invite); err == nil || !strings.Contains(err.Error(), "--home") {
		t.Errorf("a node that is not alone: %v", err)
	}
	if _, err := lone.API().Join(limited(t), "hello"); api.KindOf(err) != api.Usage {
		t.Errorf("no invitation: %v", err)
	}
}

func TestExpulsionClosesConnections(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	out := status(t, ns[2]).ID
	if err := ns[0].API().Expel(limited(t), out); err != nil {
		t.Fatal(err)
	}
	for i, n := range ns[:2] {
		eventually(t, n, fmt.Sprintf("node %d has dropped it", i), func() bool {
			s := status(t, n)
			ms, err := n.API().Members(limited(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				if m.ID == out && (m.Connected || m.Expelled.IsZero()) {
					return false
				}
			}
			return len(s.LeafSet) == 1
		})
	}
	if err := ns[0].API().Expel(limited(t), id.ID{Lo: 1}); api.KindOf(err) != api.NotFound {
		t.Errorf("one who was never there: %v", err)
	}
	// It does not come back in by itself.
	home := status(t, ns[2]).Home
	if err := ns[2].Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop(context.Background())
	ctx, cancel := context.WithTimeout(limited(t), 2*time.Second)
	defer cancel()
	if err := n.Start(ctx); err == nil && status(t, n).Size > 1 {
		t.Error("an expelled node is in the ring again")
	}
	if s := status(t, ns[0]); len(s.LeafSet) != 1 {
		t.Errorf("leaf set %+v", s.LeafSet)
	}
}

func TestRingBackup(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	ctx := limited(t)
	if _, err := ns[1].API().RingBackup(ctx, "five words of mine here"); api.KindOf(err) != api.Failed {
		t.Errorf("where the key is not: %v", err)
	}
	if _, err := ns[0].API().RingBackup(ctx, "short"); api.KindOf(err) != api.Usage {
		t.Errorf("a short passphrase: %v", err)
	}
	warned := func(n *node.Node) bool {
		t.Helper()
		found, err := n.API().Doctor(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(found, func(f api.Finding) bool {
			return f.About == "backup" && f.Verdict == api.Warn && strings.Contains(f.Sentence, "`phyllo ring backup FILE`")
		})
	}
	if !warned(ns[0]) || warned(ns[1]) {
		t.Error("the doctor warns while there is no backup, where the key is")
	}
	b, err := ns[0].API().RingBackup(ctx, "five words of mine here")
	if err != nil {
		t.Fatal(err)
	}
	if !warned(ns[0]) {
		t.Error("the doctor does not warn, although no backup was saved yet")
	}
	if err := ns[0].API().RingBackedUp(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ns[1].API().RingBackedUp(ctx); api.KindOf(err) != api.Failed {
		t.Errorf("a backup where the key is not: %v", err)
	}
	if err := ns[1].API().RingRestore(ctx, *b, "five words of mine here"); err != nil {
		t.Fatal(err)
	}
	if warned(ns[0]) || warned(ns[1]) {
		t.Error("the doctor warns although there is a backup")
	}
	// It can invite now.
	if _, err := ns[1].API().Invite(ctx, api.InviteRequest{}); err != nil {
		t.Error(err)
	}
}

func TestInvitation(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	for _, q := range []api.InviteRequest{{Uses: -1}, {Uses: 1001}, {Expires: -1}, {Expires: 91 * 24 * 3600}} {
		if _, err := n.API().Invite(limited(t), q); api.KindOf(err) != api.Usage {
			t.Errorf("%+v: %v", q, err)
		}
	}
	inv, err := n.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.QR) < 21 || len(inv.QR) != len(inv.QR[0]) || strings.Trim(inv.QR[3], "01") != "" || inv.Uses != 1 {
		b, err := json.Marshal(inv)
		t.Errorf("%s, %v", b, err)
	}
}

func TestFirstAdmitters(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	eventually(t, ns[0], "all three admit", func() bool {
		list, err := ns[0].API().Members(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if !m.Admitter {
				return false
			}
		}
		return len(list) == 3
	})
	if _, err := ns[2].API().Invite(limited(t), api.InviteRequest{}); err != nil {
		t.Error(err)
	}
}
