package im

import (
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// throttle counts what somebody does in a window of time, for the few who do
// something now. It forgets the one whose window began first if there are too many.
type throttle struct {
	window time.Duration
	most   int
	marks  []mark
}

type mark struct {
	who   [32]byte
	since task.Instant
	count int
}

// maxMarks bounds the memory of a throttle.
const maxMarks = 1024

// allow counts one and reports whether it is within the limit.
func (h *throttle) allow(who [32]byte, now task.Instant) bool {
	oldest := 0
	for i := range h.marks {
		x := &h.marks[i]
		if x.who != who {
			if x.since.Before(h.marks[oldest].since) {
				oldest = i
			}
			continue
		}
		if now.Sub(x.since) >= h.window {
			x.since, x.count = now, 0
		}
		x.count++
		return x.count <= h.most
	}
	fresh := mark{who: who, since: now, count: 1}
	if len(h.marks) < maxMarks {
		h.marks = append(h.marks, fresh)
	} else {
		h.marks[oldest] = fresh
	}
	return true
}
