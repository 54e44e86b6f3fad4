package lan_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// The digits depend on each thing that was said, and are six.
func TestDigits(t *testing.T) {
	a, b := make([]byte, msg.NonceSize), make([]byte, msg.NonceSize)
	b[0] = 1
	base := lan.Digits(id.Hash{1}, peer.Key{1}, peer.Key{2}, a, b)
	others := []string{
		lan.Digits(id.Hash{2}, peer.Key{1}, peer.Key{2}, a, b),
		lan.Digits(id.Hash{1}, peer.Key{3}, peer.Key{2}, a, b),
		lan.Digits(id.Hash{1}, peer.Key{1}, peer.Key{3}, a, b),
		lan.Digits(id.Hash{1}, peer.Key{1}, peer.Key{2}, b, b),
		lan.Digits(id.Hash{1}, peer.Key{1}, peer.Key{2}, a, a),
		lan.Digits(id.Hash{1}, peer.Key{2}, peer.Key{1}, a, b),
		lan.Digits(id.Hash{1}, peer.Key{1}, peer.Key{2}, b, a),
	}
	for i, o := range others {
		if o == base || len(o) != 6 {
			t.Errorf("%d: %s and %s", i, base, o)
		}
	}
	if lan.Commit(a, peer.Key{1}) == lan.Commit(a, peer.Key{2}) || lan.Commit(a, peer.Key{1}) == lan.Commit(b, peer.Key{1}) {
		t.Error("a commitment leaves the key or the nonce open")
	}
}

// One request is open at a time, so many in an hour, and none can be answered before there
// are digits to type, or after its time.
func TestDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d lan.Desk
		r := d.Open(peer.Key{1}, "a")
		if r == nil || d.Pending() != r || d.Open(peer.Key{2}, "b") != nil {
			t.Fatal("not one request is open")
		}
		if got, _ := d.Type("123456"); got != nil {
			t.Error("digits were typed that nobody was shown")
		}
		d.Show(r, "123456")
		got, right := d.Type("123 45-6")
		if got != r || !right || !<-r.Said() {
			t.Errorf("the digits are right: %v, %v", got, right)
		}
		if got, _ := d.Type("123456"); got != nil || d.Pending() != nil {
			t.Error("there is more than one try")
		}
		why := errors.New("the reason")
		d.Close(r, id.Tiny(3), why)
		if node, err := r.Outcome(t.Context()); node != id.Tiny(3) || err != why {
			t.Errorf("it ended with %v, %v", node, err)
		}
		for i := 1; i < lan.PerHour; i++ {
			r = d.Open(peer.Key{1}, "a")
			if r == nil {
				t.Fatalf("request %d of this hour is refused", i+1)
			}
			d.Show(r, "000000")
			time.Sleep(lan.Time + 1)
			if got, _ := d.Type("000000"); got != nil {
				t.Error("it was too late")
			}
			d.Close(r, id.ID{}, why)
		}
		if d.Open(peer.Key{1}, "a") != nil {
			t.Error("too many requests in an hour")
		}
		time.Sleep(time.Hour)
		r = d.Open(peer.Key{1}, "a")
		if r == nil {
			t.Fatal("an hour later it is refused")
		}
		d.Show(r, "000000")
		if _, right := d.Type("00000o"); right || <-r.Said() {
			t.Error("something else than the digits is right")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Outcome(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("the wait for what becomes of it ended with %v", err)
		}
	})
}
