package node_test

import (
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// TestGiftProcesses: the ring's authority says what each member may store; the others learn of
// it, cannot change it, and know it after kill -9 also when nobody can be asked.
func TestGiftProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs two processes")
	}
	beside(t)
	a, b := twoProcesses(t)
	b.awaitGift(api.DefaultGift)
	b.awaitAccount("the gift of a new ring", gives(api.DefaultGift))
	a.must("ring", "gift", "2GB")
	a.awaitGift(2_000_000_000)
	b.awaitGift(2_000_000_000)
	b.awaitAccount("a larger gift", gives(2_000_000_000))
	if out, err := b.run("ring", "gift", "3GB"); err == nil || !strings.Contains(err.Error(), "only the ring's authority") {
		t.Errorf("who is not the authority changes the gift: %q, %v", out, err)
	}
	b.awaitGift(2_000_000_000)
	a.kill()
	b.kill()
	b.up()
	b.awaitGift(2_000_000_000)
	a.up()
}

// gives is an account whose limit has so large a gift in it.
func gives(gift int64) func(api.Account) bool {
	return func(x api.Account) bool { return x.Heard == 1 && x.Limit-x.Counted/6*5 == 5*gift }
}

// awaitGift asks until the node knows of a gift.
func (p *process) awaitGift(want int64) {
	p.t.Helper()
	awaitAnswer(p, "the gift", func(x api.Gift) bool { return x.Bytes == want }, "ring", "gift")
}
