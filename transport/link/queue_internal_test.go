package link

import (
	"testing"

	"github.com/phyllo-net/phyllo/transport"
)

// RELIABILITY section 5, row 25: what waits for a peer stays under 3 MiB; the oldest
// maintenance gives way to newer, and nothing else is lost unseen.
func TestQueueIsBounded(t *testing.T) {
	var q queue
	frame := make([]byte, 64<<10)
	for i := range 1000 {
		b := append([]byte(nil), frame...)
		b[0] = byte(i)
		if ok, _ := q.push(transport.Upkeep, b); !ok {
			t.Fatalf("maintenance frame %d was refused", i)
		}
		q.push(transport.App, frame)
		q.push(transport.Liveness, frame)
	}
	total := 0
	for _, n := range q.bytes {
		total += n
	}
	if total > 3<<20 {
		t.Errorf("%d bytes wait", total)
	}
	fs := q.frames[transport.Upkeep]
	if len(fs) != maxBytes[transport.Upkeep]/len(frame) || fs[len(fs)-1][0] != byte(999%256) || fs[0][0] != byte((1000-len(fs))%256) {
		t.Errorf("%d maintenance frames wait, not the newest", len(fs))
	}
	if ok, dropped := q.push(transport.Upkeep, frame); !ok || dropped != 1 {
		t.Errorf("taken: %v, %d dropped", ok, dropped)
	}
	if ok, dropped := q.push(transport.App, frame); ok || dropped != 0 {
		t.Errorf("a frame of the class App was taken, or %d dropped", dropped)
	}
}
