package node_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// TestOfferProcesses: what is stored is paid for from the account of the node that stored it,
// which the other node keeps; an offer holds after kill -9.
func TestOfferProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs two processes")
	}
	a, b := newProcess(t), newProcess(t)
	a.up()
	var inv api.Invitation
	a.read(&inv, "invite")
	b.up("--join", inv.Invite)
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
	for deadline := time.Now().Add(90 * time.Second); ; {
		var x api.Account
		if p.read(&x, "offer"); good(x) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: got %+v", what, x)
		}
	}
}
