package host

import (
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/transport"
)

// Stats are counts since the host was made, and what waits now.
type Stats struct {
	Inputs      uint64                    // that the machine has handled
	FramesIn    [transport.Classes]uint64 // received, by class
	FramesOut   [transport.Classes]uint64 // handed to the transport, by class
	Blocked     uint64                    // frames whose reader had to wait for room
	HeldUp      uint64                    // questions that had to wait, as their sender puts too many
	DroppedIn   uint64                    // frames of class Liveness for which newer ones came
	DroppedOut  uint64                    // frames for which the transport had no room
	Unsendable  uint64                    // messages too large to be sent
	Skipped     uint64                    // messages of unknown kinds that may be skipped
	BadInput    map[string]uint64         // by kind; each closed a link
	Wakes       uint64                    // times that the node stood still
	Unsaved     uint64                    // snapshots that could not be saved
	LongestStep time.Duration             // of one input, with what it wanted done
	Waiting     int                       // inputs in the inbox, without timers
	Timers      int                       // timers that are set
	Work        int                       // functions that run or wait to run off the loop
	Bulk        bulk.Counts               // contents that were moved, and transfers that are not over
}

type counts struct {
	inputs, blocked, held, dropped, full, unsendable, skipped, wakes, unsaved atomic.Uint64

	in, out [transport.Classes]atomic.Uint64
	timers  atomic.Int64
	longest atomic.Int64
}

// step notes how long an input took. Only the loop calls it.
func (c *counts) step(d time.Duration) {
	if int64(d) > c.longest.Load() {
		c.longest.Store(int64(d))
	}
}

// Stats returns the counts so far. It may be called at any time.
func (h *Host) Stats() Stats {
	c := &h.count
	s := Stats{
		Inputs: c.inputs.Load(), Blocked: c.blocked.Load(), HeldUp: c.held.Load(), DroppedIn: c.dropped.Load(), DroppedOut: c.full.Load(),
		Unsendable: c.unsendable.Load(), Skipped: c.skipped.Load(), Wakes: c.wakes.Load(), Unsaved: c.unsaved.Load(),
		LongestStep: time.Duration(c.longest.Load()), Waiting: h.inbox.len(), Timers: int(c.timers.Load()), Work: h.work.len(),
	}
	for i := range c.in {
		s.FramesIn[i], s.FramesOut[i] = c.in[i].Load(), c.out[i].Load()
	}
	s.BadInput = h.bads.Counts()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mover != nil {
		s.Bulk = h.mover.Counts()
	}
	return s
}
