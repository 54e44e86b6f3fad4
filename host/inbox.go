package host

import (
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Bounds of what waits of one link, for each sort of frame. A frame costs its
// length and frameCost.
const (
	maxFrames = 256
	maxBytes  = 128 << 10
	frameCost = 64
)

// fairShare: of so many frames that are taken, one is of the lower sort, whatever
// else waits.
const fairShare = 16

// The sorts of frames.
const (
	live = iota // class Liveness
	rest        // all others
	sorts
)

// item is something urgent that waits for the loop.
type item struct {
	in    machine.Input
	call  *call  // of an InCall by an edge
	after *link  // of a Down: what came over this link goes first
	fault *fault // ends the node
}

// frame is a decoded message that waits.
type frame struct {
	from *peer.Handle
	msg  wire.Message
	cost int
}

// link is what waits of one link.
type link struct {
	frames [sorts]fifo[frame]
	bytes  [sorts]int
	turn   [sorts]bool // it stands in the inbox's turns
	muted  bool        // it sent nonsense: nothing more is taken from it
	gone   bool        // it ended: nobody waits for room any more
	wait   int         // readers that wait for room
	asked  asked
}

// loopState is what the loop does at this moment.
type loopState uint8

const (
	roused   loopState = iota // its own goroutine takes over next
	awake                     // it handles inputs, in its own goroutine or another
	sleeping                  // whoever brings something drives it, or rouses it
)

// inbox is what waits for the loop. All its methods may be called by anyone.
type inbox struct {
	wake chan struct{} // gets a token when the loop sleeps and something comes

	mu      sync.Mutex
	room    sync.Cond // for readers of full links
	urgent  fifo[item]
	links   map[id.ID]*link
	turns   [sorts]fifo[*link] // links with frames, and some whose were taken already
	taken   uint
	waiting int // frames and urgent items
	state   loopState
	called  bool // its own goroutine waits for whoever drives the loop
	closed  bool
}

func newInbox() *inbox {
	b := &inbox{wake: make(chan struct{}, 1), links: make(map[id.ID]*link)}
	b.room.L = &b.mu
	return b
}

// push adds an urgent item; it reports false if the inbox is shut. If the loop sleeps the caller
// gets it, if it can drive it, and drives says so; else the loop's own goroutine is roused.
func (b *inbox) push(it item, can bool) (ok, drives bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, false
	}
	b.urgent.push(it)
	return true, b.came(can)
}

// came counts something new, and says as push does whether the caller is to drive. b is locked.
func (b *inbox) came(can bool) (drives bool) {
	b.waiting++
	switch {
	case b.state != sleeping:
		return false
	case can:
		b.state = awake
		return true
	}
	b.rouse()
	return false
}

// rouse wakes the loop's own goroutine, which nobody else holds up. b is locked.
func (b *inbox) rouse() {
	b.state = roused
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// enter makes the loop's own goroutine the loop. It reports false if another one drives it, which
// will rouse it.
func (b *inbox) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == awake {
		b.called = true
		return false
	}
	b.state = awake
	return true
}

// leave gives the loop back; sleep tells that it is to sleep if nothing waits. It reports false
// if something does, and then the caller is the loop still.
func (b *inbox) leave(sleep bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case sleep && b.waiting > 0:
		return false
	case sleep && !b.called:
		b.state = sleeping
	default:
		b.called = false
		b.rouse()
	}
	return true
}

// up begins a link: what comes from now on has nothing to do with an earlier one.
func (b *inbox) up(from *peer.Handle, cert *peer.Certificate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.links[from.ID] = new(link)
	b.urgent.push(item{in: machine.Input{Kind: machine.InPeerUp, From: from, Cert: cert}})
	b.came(false)
}

// down ends a link, or tells that none could be made.
func (b *inbox) down(to *peer.Handle, why machine.DownReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	l := b.links[to.ID]
	if l != nil {
		delete(b.links, to.ID)
		l.gone = true
		b.room.Broadcast()
	}
	b.urgent.push(item{in: machine.Input{Kind: machine.InPeerDown, From: to, Why: why}, after: l})
	b.came(false)
}

// frame adds a message that came over the link to a node, and waits for room if
// its class is not Liveness. blocked tells that it waited; dropped, how many
// frames of class Liveness were dropped for it; drives is push's.
func (b *inbox) frame(f frame, c transport.Class) (blocked bool, dropped int, drives bool) {
	sort := rest
	if c == transport.Liveness {
		sort = live
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.link(f.from.ID)
	for sort == rest && l.full(rest) && !b.closed && !l.gone && !l.muted {
		blocked = true
		l.wait++
		b.room.Wait()
		l.wait--
	}
	if b.closed || l.muted || l.gone {
		return blocked, 0, false
	}
	for l.full(live) && sort == live {
		l.take(live)
		b.waiting--
		dropped++
	}
	return blocked, dropped, b.put(l, f, sort)
}

// offer is frame for a class other than Liveness, if that would not wait; drives is push's.
func (b *inbox) offer(f frame) (ok, drives bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.link(f.from.ID)
	switch {
	case b.closed || l.muted || l.gone:
	case l.full(rest):
		return false, false
	default:
		drives = b.put(l, f, rest)
	}
	return true, drives
}

// put adds a frame to those of a link; drives is push's. b is locked.
func (b *inbox) put(l *link, f frame, sort int) (drives bool) {
	l.frames[sort].push(f)
	l.bytes[sort] += f.cost
	if !l.turn[sort] {
		l.turn[sort] = true
		b.turns[sort].push(l)
	}
	return b.came(true)
}

// hasRoom reports whether a frame of the link to a node would not wait.
func (b *inbox) hasRoom(node id.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.links[node]
	return l == nil || !l.full(rest)
}

// mute takes nothing more from the link to a node; it reports false if that was so
// before.
func (b *inbox) mute(node id.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.link(node)
	was := l.muted
	l.muted = true
	b.room.Broadcast()
	return !was
}

// link returns the link to a node. b is locked.
func (b *inbox) link(node id.ID) *link {
	l := b.links[node]
	if l == nil {
		l = new(link)
		b.links[node] = l
	}
	return l
}

func (l *link) full(sort int) bool {
	return l.frames[sort].len() >= maxFrames || l.bytes[sort] >= maxBytes
}

func (l *link) take(sort int) (frame, bool) {
	f, ok := l.frames[sort].pop()
	l.bytes[sort] -= f.cost
	return f, ok
}

// pop takes what is to be handled next.
func (b *inbox) pop() (item, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == 0 {
		return item{}, false
	}
	b.waiting--
	if first := b.urgent.first(); first != nil {
		if l := first.after; l != nil {
			for sort := range sorts {
				if f, ok := l.take(sort); ok {
					return message(f), true
				}
			}
		}
		it, _ := b.urgent.pop()
		return it, true
	}
	b.taken++
	order := [sorts]int{live, rest}
	if b.taken%fairShare == 0 {
		order = [sorts]int{rest, live}
	}
	for _, sort := range order {
		if f, ok := b.next(sort); ok {
			return message(f), true
		}
	}
	panic("host: the inbox has lost something") // waiting counts what is there
}

// next takes a frame of the link whose turn it is.
func (b *inbox) next(sort int) (frame, bool) {
	for {
		l, ok := b.turns[sort].pop()
		if !ok {
			return frame{}, false
		}
		f, ok := l.take(sort)
		if ok && l.frames[sort].len() > 0 {
			b.turns[sort].push(l)
		} else {
			l.turn[sort] = false
		}
		if !ok {
			continue
		}
		// Readers are woken at half full, not for each frame.
		if sort == rest && l.wait > 0 && l.frames[rest].len() <= maxFrames/2 && l.bytes[rest] <= maxBytes/2 {
			b.room.Broadcast()
		}
		return f, true
	}
}

func message(f frame) item {
	return item{in: machine.Input{Kind: machine.InMessage, From: f.from, Msg: f.msg}}
}

// shut refuses all that comes from now on, lets go those who wait for room, and
// returns the urgent items that were not handled.
func (b *inbox) shut() []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.room.Broadcast()
	var left []item
	for {
		it, ok := b.urgent.pop()
		if !ok {
			break
		}
		left = append(left, it)
	}
	clear(b.links)
	b.turns = [sorts]fifo[*link]{}
	b.waiting = 0
	return left
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}
