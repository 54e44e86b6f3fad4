package member_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/member"
)

func TestFoundInviteAndJoin(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	v := f.invite(member.InviteOptions{})
	j, err := b.Redeem(ctx(t), v)
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != "Family" || j.Ring != v.Ring || len(j.Contacts) != 1 || j.Contacts[0].Addrs[0] != f.addr || j.Contacts[0].ID != f.Certificate().Node {
		t.Errorf("joined %+v", j)
	}
	if err := f.Check(b.Certificate()); err != nil {
		t.Error(err)
	}
	if err := b.Check(f.Certificate()); err != nil {
		t.Error(err)
	}
	again, err := b.Redeem(ctx(t), v)
	if err != nil || again.Certificate.Node != j.Certificate.Node {
		t.Errorf("a lost answer: %v, %v", again, err)
	}
	_, err = w.box("carol").Redeem(ctx(t), v)
	fails(t, err, member.ErrUsed)
	w.pass(25 * time.Hour)
	_, err = w.box("dave").Redeem(ctx(t), v)
	fails(t, err, member.ErrInviteEnded)
}

func TestThreeAtOnce(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	t.Log(bs[0].invite(member.InviteOptions{}))
}
