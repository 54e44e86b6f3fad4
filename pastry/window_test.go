package pastry_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/pastry"
)

// What a window acknowledges has been taken, once: whatever comes twice, late or
// out of order.
func TestHopWindow(t *testing.T) {
	type number struct{ epoch, seq uint32 }
	rapid.Check(t, func(t *rapid.T) {
		var w pastry.Window
		taken := make(map[number]bool)
		var newest number
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			n := number{newest.epoch, 0}
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				n = number{newest.epoch + 1, rapid.Uint32Range(1, 5).Draw(t, "first")}
			case 1:
				n = number{rapid.Uint32Range(0, newest.epoch).Draw(t, "epoch"), rapid.Uint32Range(1, 100).Draw(t, "seq")}
			case 2:
				n.seq = newest.seq + rapid.Uint32Range(1, 200).Draw(t, "gap")
			default:
				back := min(rapid.Uint32Range(0, 80).Draw(t, "back"), newest.seq+2)
				n.seq = newest.seq + 3 - back
			}
			known, fresh := w.First(n.epoch, n.seq)
			newer := n.epoch > newest.epoch || n.epoch == newest.epoch && n.seq > newest.seq
			inside := newer || n.epoch == newest.epoch && newest.seq-n.seq < 64
			switch {
			case fresh && (taken[n] || !known):
				t.Fatalf("%v: taken twice, or not acknowledged", n)
			case known && !fresh && !taken[n]:
				t.Fatalf("%v: acknowledged and never taken", n)
			case known != inside:
				t.Fatalf("%v after %v: acknowledged %v", n, newest, known)
			}
			if fresh {
				taken[n] = true
			}
			if newer {
				newest = n
			}
		}
	})
}
