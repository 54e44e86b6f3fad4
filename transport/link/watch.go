package link

import (
	"time"

	"github.com/phyllo-net/phyllo/transport"
)

// watchEvery is how often links are looked at for a peer that takes nothing.
const watchEvery = time.Second

// watchEvery, or oftener where limits are shorter.
func (l *Limits) watchEvery() time.Duration { return min(watchEvery, l.WriteTime/4) }

// maxFars bounds what is remembered of nodes without a link (their back-off).
const maxFars = 4096

// watch ends links that stall, and forgets nodes that have been quiet for long.
func (l *Links) watch() {
	tick := time.NewTicker(l.limits.watchEvery())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			return
		}
		now := l.since()
		limit := int64(l.limits.WriteTime)
		for _, s := range l.sessions() {
			w := s.writing.Load()
			s.far.mu.Lock()
			starved := s.starved
			s.far.mu.Unlock()
			if w != 0 && now-w >= limit || starved != 0 && now-starved >= limit {
				s.fail(errStalled)
			}
		}
		l.pens.unstick()
		l.forget()
	}
}

// forget drops what is known of nodes that do not matter any more.
func (l *Links) forget() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for node, f := range l.fars {
		f.mu.Lock()
		if f.forgettable(now, len(l.fars) > maxFars) {
			delete(l.fars, node)
		}
		f.mu.Unlock()
	}
}

// Close is transport.Transport's, for the links and the streams that are served.
// What waits is still written, for at most Limits.Linger; then the peers are told
// that this process ends. No event is told any more once it has begun. The
// carrier must stand until it has returned.
func (l *Links) Close() {
	l.shutDown(func(f *far) {
		if s := f.live; s != nil {
			s.drain = s.up
			s.end(transport.Ours, transport.Closed, true)
		}
	})
}

// Abort ends all as a killed process would: nothing is written, nobody is told.
// The carrier has cut its connections, or does so next.
func (l *Links) Abort() {
	l.shutDown(func(f *far) {
		l.drop(f.queue.clear())
		if f.live != nil {
			f.live.end(transport.Ours, 0, true)
		}
	})
}

// closeTime bounds the wait for goroutines that are in the owner's code.
const closeTime = 3 * time.Second

func (l *Links) shutDown(end func(*far)) {
	l.muted.Store(true)
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	for _, f := range l.known() {
		f.mu.Lock()
		f.giveUp(transport.ErrClosed)
		end(f)
		f.mu.Unlock()
	}
	l.cancel()
	l.streams.end()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-l.run.end():
	case <-timer.C:
		l.log.Error("the transport's owner holds up its end: a call of Events or of a served stream does not return")
	}
}
