package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// TestCopiesAreCounted: status says whether what the users store has all its copies, and on
// which side they are; df says it of each space, and a long list of each file.
func TestCopiesAreCounted(t *testing.T) {
	counting := node.WithCounts(50 * time.Millisecond)
	first := start(t, settings(t.TempDir()), counting)
	if s, err := first.API().Status(limited(t)); err != nil || s.Mine != nil {
		t.Errorf("nobody lives here: %+v, %v", s.Mine, err)
	}
	addUser(t, first, "ann")
	put := func(name string, copies int) {
		t.Helper()
		if _, err := first.API().FilePut(limited(t), api.FilePut{Name: name, Copies: copies}, strings.NewReader("content of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	put("one", 1)
	put("two", 2)
	// Charter, root, directory and two contents: on this node alone, and one of them as wanted.
	awaitStatus(t, first, "alone", func(s *api.Status) bool {
		m := s.Mine
		return m != nil && m.Objects == 5 && m.OnlyHere == 5 && m.Whole == 1 && m.Missing == 0 && m.Trouble == ""
	})
	inv, err := first.API().Invite(limited(t), api.InviteRequest{Uses: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := settings(t.TempDir())
	c.Join = inv.Invite
	second := start(t, c)
	addUser(t, second, "bob")
	eventually(t, first, "all of two copies has two", func() bool {
		list, err := first.API().FileList(limited(t), api.FileQuery{Count: true})
		return err == nil && len(list.Files) == 2 && list.Files[0].Copies == 1 && list.Files[1].Copies == 2
	})
	eventually(t, first, "df", func() bool {
		s, err := first.API().Storage(limited(t), "ann")
		if err != nil || len(s.Spaces) != 1 {
			return false // who has just come may not have settled
		}
		x := s.Spaces[0].Copies
		return x.Objects == 5 && x.Whole == 2 && x.OnlyHere <= 1 && x.Missing == 0
	})
	eventually(t, second, "for whom the other node keeps it", func() bool {
		s, err := second.API().Storage(limited(t), "bob")
		if err != nil {
			return false
		}
		sum := 0
		for _, u := range s.By {
			sum += u.Objects
		}
		return sum == s.Objects && s.Objects >= 4
	})
	put("three", 2)
	payer, err := first.API().Status(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, second, "who has paid", func() bool {
		s, err := second.API().Storage(limited(t), "bob")
		return err == nil && slices.ContainsFunc(s.By, func(u api.MemberUse) bool {
			return u.Member == payer.ID && u.Objects > 0 && !u.Self && len(u.Names) == 0
		})
	})
	if _, err := second.API().ContactAdd(limited(t), api.Who{User: "bob", Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, second, "who has paid, by name", func() bool {
		s, err := second.API().Storage(limited(t), "bob")
		return err == nil && slices.ContainsFunc(s.By, func(u api.MemberUse) bool { return u.Member == payer.ID && slices.Equal(u.Names, []string{"ann"}) })
	})
	awaitStatus(t, first, "with another node", func(s *api.Status) bool {
		m := s.Mine
		return m != nil && m.Objects == 6 && m.Whole == 3 && m.OnlyHere <= 1
	})
}
