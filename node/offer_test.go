package node_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// TestOfferProcesses: what is stored is paid for from the account of the node that stored it,
// which the other node keeps; an offer holds after kill -9.
func TestOfferProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs two processes")
	}
	beside(t)
	a, b := twoProcesses(t)
	a.must("dht", "put", "colour", "blue")
	a.awaitAccount("the put is paid for", func(x api.Account) bool { return x.Heard == 1 && x.Keepers == 1 && x.Used == 5*256 })
	b.awaitAccount("who put nothing pays nothing", func(x api.Account) bool { return x.Heard == 1 && x.Used == 0 })
	var was api.Account
	b.read(&was, "offer", "2GiB")
	if was.Offered != 2<<30 || was.Objects != 1 {
		t.Errorf("a new offer: %+v", was)
	}
	b.kill()
	b.up()
	b.awaitAccount("the offer holds", func(x api.Account) bool { return x.Offered == 2<<30 && x.Heard == 1 })
	b.must("offer", "0")
	if out := b.must("dht", "get", "colour"); out != "blue" {
		t.Errorf("who offers nothing reads %q", out)
	}
	a.awaitAccount("the account stays", func(x api.Account) bool { return x.Heard == 1 && x.Used == 5*256 })
}

// awaitAccount asks until the account is as it should be.
func (p *process) awaitAccount(what string, good func(api.Account) bool) {
	p.t.Helper()
	awaitAnswer(p, what, good, "offer")
}

// TestOfferIsWhatWasSaidLast: what a command says holds after the next start, until the
// setting, or the flag of a start, says something new; and a node that may choose does.
func TestOfferIsWhatWasSaidLast(t *testing.T) {
	c := settings(t.TempDir())
	const gib = 1 << 30
	for _, step := range []struct {
		what    string
		setting int64
		say     []int64
		want    int64
	}{
		{"the setting", gib, nil, gib},
		{"a command", gib, []int64{2 * gib}, 2 * gib},
		{"the command, after a start", gib, nil, 2 * gib},
		{"a flag", 3 * gib, nil, 3 * gib},
		{"nothing", 0, nil, 0},
		{"the command, as the setting is what it was", gib, nil, 2 * gib},
		{"its own choice", gib, []int64{api.AutoOffer}, api.AutoOffer},
		{"its own choice, after a start", gib, nil, api.AutoOffer},
		{"its own choice, by a setting", api.AutoOffer, nil, api.AutoOffer},
	} {
		c.Offer = step.setting
		n, err := node.New(c)
		if err == nil {
			err = n.Start(limited(t))
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := n.API().Account(limited(t))
		for _, bytes := range step.say {
			a, err = n.API().Offer(limited(t), api.OfferRequest{Bytes: bytes})
		}
		if stopped := n.Stop(limited(t)); err != nil || stopped != nil {
			t.Fatal(step.what, err, stopped)
		}
		switch {
		case a.Auto != (step.want == api.AutoOffer) || !a.Auto && a.Offered != step.want:
			t.Errorf("%s: offers %d, by its own choice: %v", step.what, a.Offered, a.Auto)
		case a.Auto && (a.Offered < 0 || a.Offered > 20_000_000_000):
			t.Errorf("%s: has chosen %d", step.what, a.Offered)
		case a.Free < 0:
			t.Errorf("%s: %d bytes of the disk are free", step.what, a.Free)
		}
	}
}
