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

// pool runs jobs in at most so many goroutines, which end when nothing waits. What
// exceeds them waits in order: the loop never does.
type pool struct {
	host *Host
	most int

	mu      sync.Mutex
	queue   fifo[job]
	running int
	over    chan struct{} // made by close; closed when no job runs any more
}

func (p *pool) do(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over != nil {
		return
	}
	if p.running == p.most {
		p.queue.push(j)
		return
	}
	p.running++
	go p.run(j)
}

// run runs a job, and then what waits.
func (p *pool) run(j job) {
	for more := true; more; {
		p.host.put(p.result(j))
		j, more = p.next()
	}
}

// next takes a job that waits, or says that one goroutine less runs.
func (p *pool) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j, ok := p.queue.pop()
	if !ok {
		p.running--
		if p.over != nil && p.running == 0 {
			close(p.over)
		}
	}
	return j, ok
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
		if p.running == 0 {
			close(p.over)
		}
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
