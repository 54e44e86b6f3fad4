package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/daemons"
)

// Bounds of an honest request.
const (
	answerTime  = time.Second      // later than this it does no good
	outcomeTime = 25 * time.Second // without an outcome by then it is lost
	mostOpen    = 64               // at one node: what would be more counts as not answered
)

// window is what was seen for a while.
type window struct {
	offered, good, failed, lost int
	times                       []time.Duration // of all that had an outcome, from when each was due
	rss                         int64           // the largest of a node
	fds, fdsAtEnd               int
	length                      time.Duration
	cpu, busy                   float64 // cores that the nodes took together, and the whole machine
}

// share is the part of the requests that was answered in time.
func (w *window) share() float64 { return float64(w.good) / float64(max(w.offered, 1)) }

// percentile of the times until an outcome; a request that never began counts as
// the longest.
func (w *window) percentile(p int) time.Duration {
	if len(w.times) == 0 {
		return 0
	}
	slices.Sort(w.times)
	return w.times[min(len(w.times)-1, len(w.times)*p/100)]
}

// observe puts the honest load on the ring for so long, and waits for all outcomes.
// Requests are due at fixed times, whether those before them were answered or not,
// and their time counts from then: a stall is seen by all who come during it.
func observe(ctx context.Context, ring *daemons.Ring, rate int, d time.Duration) window {
	w := window{length: d}
	var mu sync.Mutex
	var wg sync.WaitGroup
	sampled := make(chan struct{})
	end := time.Now().Add(d)
	before, busy := cpuOf(ring), daemons.Busy()
	go func() {
		defer close(sampled)
		w.sample(ctx, ring, end, &mu)
	}()
	for i := range ring.Daemons {
		wg.Go(func() {
			room := make(chan struct{}, mostOpen)
			every := time.Second / time.Duration(rate)
			begun := time.Now().Add(every * time.Duration(i) / time.Duration(len(ring.Daemons)))
			for n := i; ctx.Err() == nil; n++ {
				due := begun.Add(every * time.Duration(n-i))
				if !due.Before(end) {
					break
				}
				time.Sleep(time.Until(due))
				select {
				case room <- struct{}{}:
				default:
					mu.Lock()
					w.note(outcomeTime, errors.New("too many are open"))
					mu.Unlock()
					continue
				}
				wg.Go(func() {
					defer func() { <-room }()
					err := request(ctx, ring, i, n)
					mu.Lock()
					w.note(time.Since(due), err)
					mu.Unlock()
				})
			}
		})
	}
	wg.Wait()
	<-sampled
	took := time.Since(end.Add(-d)).Seconds()
	w.cpu, w.busy = (cpuOf(ring)-before).Seconds()/took, (daemons.Busy()-busy).Seconds()/took
	return w
}

// cpuOf is the time of processors that the nodes have taken so far.
func cpuOf(ring *daemons.Ring) (sum time.Duration) {
	for _, d := range ring.Daemons {
		if u, err := d.Usage(); err == nil { // one that has ended is found elsewhere
			sum += u.CPU
		}
	}
	return sum
}

// note counts one outcome.
func (w *window) note(took time.Duration, err error) {
	w.offered++
	w.times = append(w.times, took)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		w.lost++
	case err != nil:
		w.failed++
	case took <= answerTime:
		w.good++
	}
}

// request asks node i for one thing, by turns: a message to the root of a key and
// back, a question to a neighbour, a name read at its keepers.
func request(ctx context.Context, ring *daemons.Ring, i, n int) error {
	ctx, cancel := context.WithTimeout(ctx, outcomeTime)
	defer cancel()
	node, other := ring.Daemons[i].API, (i+1+n/3%(len(ring.Daemons)-1))%len(ring.Daemons)
	var err error
	switch n % 3 {
	case 0:
		_, err = node.Trace(ctx, id.ID{Hi: rand.Uint64(), Lo: rand.Uint64()}.String())
	case 1:
		_, err = node.Ping(ctx, ring.Daemons[other].Ready().ID.String())
	default:
		_, err = node.UserFind(ctx, ring.Users[other])
	}
	return err
}

// sample looks at what the processes cost, until the end.
func (w *window) sample(ctx context.Context, ring *daemons.Ring, end time.Time, mu *sync.Mutex) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(end) && ctx.Err() == nil {
		<-tick.C
		most := 0
		for _, d := range ring.Daemons {
			u, err := d.Usage()
			if err != nil {
				continue // it has ended, which is found elsewhere
			}
			most = max(most, u.FDs)
			mu.Lock()
			w.rss = max(w.rss, u.RSS)
			mu.Unlock()
		}
		mu.Lock()
		w.fds, w.fdsAtEnd = max(w.fds, most), most
		mu.Unlock()
	}
}
