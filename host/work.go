package host

import (
	"sync"

	"github.com/phyllo-net/phyllo/machine"
)

// job is a function that the machine wants run off the loop.
type job struct {
	slot uint32
	f    func() any
}

// keptWorkers is how many goroutines of a pool stay when nothing waits: the stack of a new one
// has to grow first, which takes as long as a small job.
const keptWorkers = 2

// pool runs jobs in at most so many goroutines, of which few stay when nothing waits. What
// exceeds them waits in order: the loop never does.
type pool struct {
	host *Host
	most int
	hand chan job      // for workers that have nothing to do
	shut chan struct{} // closed by close

	mu      sync.Mutex
	queue   fifo[job]
	running int           // with a job
	idle    int           // without
	over    chan struct{} // made by close; closed when no worker is left
}

func (p *pool) do(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over != nil:
		return
	case p.running == p.most:
		p.queue.push(j)
		return
	}
	p.running++
	select {
	case p.hand <- j:
		p.idle--
	default:
		go p.run(j)
	}
}

// run runs a job, and then what waits or comes.
func (p *pool) run(j job) {
	for more := true; more; {
		p.host.bring(p.result(j), true)
		j, more = p.next()
	}
}

// next takes a job that waits, or waits for one. It says false to a worker that is to end.
func (p *pool) next() (job, bool) {
	j, waits, stays := p.look()
	if waits || !stays {
		return j, waits
	}
	select {
	case j := <-p.hand:
		return j, true
	case <-p.shut:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle--
	p.left()
	return job{}, false
}

// look takes a job that waits; without one a worker has nothing to do, and stays or ends.
func (p *pool) look() (j job, waits, stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j, waits = p.queue.pop(); waits {
		return j, true, true
	}
	p.running--
	if stays = p.over == nil && p.idle < keptWorkers; stays {
		p.idle++
	} else {
		p.left()
	}
	return j, false, stays
}

// left says that the pool is over, if that was the last worker. p is locked.
func (p *pool) left() {
	if p.over != nil && p.running+p.idle == 0 {
		close(p.over)
	}
}

// result runs a job. Its panic ends the node.
func (p *pool) result(j job) (it item) {
	defer func() {
		if v := recover(); v != nil {
			it = item{fault: caught("the node's work", v)}
		}
	}()
	return item{in: machine.Input{Kind: machine.InDone, Slot: j.slot, Result: j.f()}}
}

// close drops the jobs that have not begun, and returns what is closed when those
// that run have ended.
func (p *pool) close() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over == nil {
		p.over = make(chan struct{})
		p.queue = fifo[job]{}
		close(p.shut)
		p.left()
	}
	return p.over
}

func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.len() + p.running
}

// saver keeps snapshots, one at a time, always the newest.
type saver struct {
	host *Host

	mu   sync.Mutex
	next func() []byte // nil: nothing is to be saved
	busy chan struct{} // closed when the goroutine that saves ends; nil without one
}

func (s *saver) save(snapshot func() []byte) {
	if s.host.cfg.Save == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = snapshot
	if s.busy == nil {
		s.busy = make(chan struct{})
		go s.run()
	}
}

func (s *saver) run() {
	for {
		s.mu.Lock()
		snapshot := s.next
		s.next = nil
		if snapshot == nil {
			close(s.busy)
			s.busy = nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.keep(snapshot)
	}
}

// keep saves one snapshot. A failure is logged: the next one may succeed. A panic
// ends the node.
func (s *saver) keep(snapshot func() []byte) {
	defer func() {
		if v := recover(); v != nil {
			s.host.put(item{fault: caught("saving the node's snapshot", v)})
		}
	}()
	if err := s.host.cfg.Save(snapshot()); err != nil {
		s.host.count.unsaved.Add(1)
		s.host.log.Error("the node's snapshot was not saved: after a restart it knows fewer peers", "error", err)
	}
}

// idle returns what is closed when nothing is to be saved any more.
func (s *saver) idle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	return s.busy
}
