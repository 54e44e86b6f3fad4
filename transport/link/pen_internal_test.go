package link

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// pipe is a stream that notes what is written, and whose writes may be held up.
type pipe struct {
	Stream
	hold chan struct{} // writes wait for its end; nil: they do not

	mu      sync.Mutex
	written int
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.hold != nil {
		<-p.hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written++
	return len(b), nil
}

func (p *pipe) writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written
}

func (*pipe) SetDeadline(time.Time) error { return nil }
func (*pipe) CloseWrite() error           { return nil }
func (*pipe) Reset() error                { return nil }
func (*pipe) HangUp()                     {}
func (*pipe) Takes() bool                 { return false }
func (*pipe) WriteSoon([]byte) int        { return 0 }

// noCarrier opens nothing.
type noCarrier struct{ Carrier }

func (noCarrier) Why(error) transport.Why { return transport.Lost }

// owner is told of frames; it takes those that it is offered while room says so.
type owner struct {
	mu   sync.Mutex
	room func() bool
	told []string
}

func (o *owner) tell(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, s)
}

func (o *owner) Up(*peer.Handle, *peer.Certificate)                    { o.tell("up") }
func (o *owner) Down(*peer.Handle, transport.Why)                      { o.tell("down") }
func (o *owner) Frame(_ *peer.Handle, _ transport.Class, frame []byte) { o.tell(string(frame)) }
func (o *owner) Offer(_ *peer.Handle, _ transport.Class, b []byte) bool {
	if !o.room() {
		return false
	}
	o.tell("offered " + string(b))
	return true
}

// standing makes a link over a pipe.
func standing(l *Links, number uint64, hold chan struct{}) (*session, *pipe) {
	p := &pipe{hold: hold}
	h := &peer.Handle{ID: id.ID{Lo: number}}
	f := &far{links: l, id: h.ID}
	s := &session{far: f, st: p, h: h, up: true, credit: window, after: make(chan struct{})}
	s.inbox.ready = true
	f.live = s
	return s, p
}

func send(t *testing.T, s *session) {
	t.Helper()
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	if err := s.far.send(s.h, transport.App, []byte("x")); err != nil {
		t.Error(err)
	}
}

// TestStuckPen: a peer that takes nothing holds up its own link and no other, neither
// one for which something is sent later, nor one that waited behind it already.
func TestStuckPen(t *testing.T) {
	for _, later := range []time.Duration{0, 3 * time.Millisecond} {
		t.Run(later.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(transport.Config{Events: &owner{}}, noCarrier{}, Limits{})
				defer l.Close()
				hold := make(chan struct{})
				stuck, slow := standing(l, 1, hold)
				well, quick := standing(l, 2, nil)
				send(t, stuck)
				synctest.Wait()
				time.Sleep(later)
				send(t, well)
				if later == 0 {
					time.Sleep(watchEvery + time.Millisecond) // by then it is seen that the pen is stuck
				}
				synctest.Wait()
				if slow.writes() != 0 || quick.writes() != 1 {
					t.Errorf("%d writes to the peer that takes nothing, %d to the other, want 0 and 1", slow.writes(), quick.writes())
				}
				send(t, well)
				synctest.Wait()
				if quick.writes() != 2 {
					t.Errorf("%d writes, want 2", quick.writes())
				}
				close(hold)
				synctest.Wait()
				l.pens.mu.Lock()
				if n := len(l.pens.all); n != 1 || slow.writes() != 1 {
					t.Errorf("%d pens are left, %d writes to the peer that takes again; want 1 and 1", n, slow.writes())
				}
				l.pens.mu.Unlock()
			})
		})
	}
}

// TestOffers: an owner with room gets frames from the goroutine that reads; without,
// from another one, when the memory that they were read into is used again already. The order is
// the same, and the end comes last.
func TestOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		o := &owner{room: func() bool { n++; return n%3 != 0 }}
		l := New(transport.Config{Events: o}, noCarrier{}, Limits{})
		defer l.Close()
		s, _ := standing(l, 1, nil)
		var want []string
		room := make([]byte, 0, 1)
		for i := range 9 {
			if err := s.take(transport.App, fmt.Appendf(room, "%d", i)); err != nil {
				t.Fatal(err)
			}
			copy(room[:1], "?")
			text := fmt.Sprintf("offered %d", i)
			if i%3 == 2 {
				text = fmt.Sprint(i)
			}
			want = append(want, text)
			synctest.Wait()
		}
		s.fail(io.EOF)
		synctest.Wait()
		if err := s.take(transport.App, []byte("late")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		if want = append(want, "down"); !slices.Equal(o.told, want) {
			t.Errorf("the owner was told %q, want %q", o.told, want)
		}
		s.far.mu.Lock()
		defer s.far.mu.Unlock()
		if s.owed != 9*(1+frameCost) {
			t.Errorf("credit for %d is owed, want %d", s.owed, 9*(1+frameCost))
		}
	})
}

// TestOfferRefusedAtTheEnd: what the owner had no room for is told before the end.
func TestOfferRefusedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *session
		o := &owner{}
		o.room = func() bool {
			s.fail(errors.New("the connection was lost"))
			return false
		}
		l := New(transport.Config{Events: o}, noCarrier{}, Limits{})
		defer l.Close()
		s, _ = standing(l, 1, nil)
		if err := s.take(transport.App, []byte("last")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		if want := []string{"last", "down"}; !slices.Equal(o.told, want) {
			t.Errorf("the owner was told %q, want %q", o.told, want)
		}
	})
}
