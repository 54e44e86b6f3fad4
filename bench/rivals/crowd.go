package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// letterSize is the size of a message that is published, in bytes.
const letterSize = 1024

// crowd is the members of one topic, all in this process: those of one side.
type crowd interface {
	// publish publishes a message of the member of this number. It may return before anybody
	// has it. The error is that it was not taken.
	publish(ctx context.Context, from int, message []byte) error
	// written is how many bytes the nodes have given to their streams so far.
	written() float64
	// close stops all nodes. Further calls do nothing.
	close()
}

// audience is told what the members of a crowd read, from any goroutine.
type audience struct {
	now atomic.Pointer[reach]
}

// clock is what all times of this file count from.
var clock = time.Now()

// heard is told that a member has read a message.
func (a *audience) heard(member int, message []byte) {
	at := int64(time.Since(clock))
	r := a.now.Load()
	if r == nil || len(message) != letterSize || binary.BigEndian.Uint32(message) != r.number || member == r.from {
		return // of an earlier block, or the publisher's own
	}
	i := int(binary.BigEndian.Uint32(message[4:]))
	if r.at[i*r.members+member].CompareAndSwap(0, at) && r.left.Add(-1) == 0 {
		close(r.all)
	}
}

// reach is which members have which messages of one block, and since when. The publisher
// is none of those that count: it has its own messages.
type reach struct {
	number  uint32
	from    int
	members int
	begun   []int64        // when each message was published
	at      []atomic.Int64 // by message and member; 0: not yet
	left    atomic.Int64
	all     chan struct{} // closed when all have all
	refused atomic.Int64
}

func newReach(messages, members, from int) *reach {
	r := &reach{number: rand.Uint32(), from: from, members: members, begun: make([]int64, messages),
		at: make([]atomic.Int64, messages*members), all: make(chan struct{})}
	r.left.Store(int64(messages * (members - 1)))
	return r
}

// message makes the message of a number. What follows its number is random.
func (r *reach) message(i int) []byte {
	b := make([]byte, letterSize)
	binary.BigEndian.PutUint32(b, r.number)
	binary.BigEndian.PutUint32(b[4:], uint32(i))
	for k := 8; k < len(b); k += 8 {
		binary.BigEndian.PutUint64(b[k:], rand.Uint64())
	}
	return b
}

// delays are those of all deliveries, and of the last of each message that all have, both
// sorted.
func (r *reach) delays() (each, last []time.Duration) {
	for i, begun := range r.begun {
		latest, all := int64(0), true
		for m := range r.members {
			at := r.at[i*r.members+m].Load()
			switch {
			case m == r.from:
			case at == 0:
				all = false
			default:
				each = append(each, time.Duration(at-begun))
				latest = max(latest, at)
			}
		}
		if all {
			last = append(last, time.Duration(latest-begun))
		}
	}
	slices.Sort(each)
	slices.Sort(last)
	return each, last
}

// publishAll publishes messages at a steady rate, whether the earlier ones have arrived or
// not, and returns when all members have all of them, or when the grace after the last one is over.
func publishAll(ctx context.Context, c crowd, a *audience, r *reach, rate float64, grace time.Duration) error {
	a.now.Store(r)
	limited, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	begun := time.Now()
	for i := range r.begun {
		message := r.message(i)
		if err := pause(ctx, time.Until(begun.Add(time.Duration(float64(i)/rate*float64(time.Second))))); err != nil {
			return err
		}
		r.begun[i] = int64(time.Since(clock))
		sending.Go(func() {
			if c.publish(limited, r.from, message) != nil {
				r.refused.Add(1)
			}
		})
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-r.all:
	case <-late.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// calm waits until this process has nothing to do any more but what idle nodes do, which
// is that share of a processor: what is left of a block would be in the way of the next one.
func calm(ctx context.Context, idle float64) error {
	most := max(2*idle, 0.1)
	for end := time.Now().Add(longestQueue); time.Now().Before(end); {
		before := processorTime()
		if err := pause(ctx, settle); err != nil {
			return err
		}
		if processorTime()-before <= most*micros(settle) {
			return nil
		}
	}
	return nil
}

// longestQueue bounds the wait for what is left of a block.
const longestQueue = 20 * time.Second
