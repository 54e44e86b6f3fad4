package link

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/transport"
)

// quick is a pipe that takes what is written at once, or so many bytes of it.
type quick struct {
	pipe
	most   int    // bytes that WriteSoon writes
	during func() // in the middle of WriteSoon
	soon   int    // calls of WriteSoon
	bytes  bytes.Buffer
}

func (q *quick) Takes() bool { return true }

func (q *quick) WriteSoon(b []byte) int {
	if q.during != nil {
		q.during()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.soon++
	b = b[:min(len(b), q.most)]
	q.bytes.Write(b)
	return len(b)
}

func (q *quick) Write(b []byte) (int, error) {
	q.pipe.Write(b)
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes.Write(b)
}

// got returns what was written, how often by a pen, and how often by who sent.
func (q *quick) got() (s string, pens, senders int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes.String(), q.written, q.soon
}

// frames is how n frames of send look on a stream.
func frames(n int) string {
	var b []byte
	for range n {
		b = appendFrame(b, byte(transport.App), []byte("x"))
	}
	return string(b)
}

func dashing(t *testing.T) (*Links, *session, *quick) {
	l := New(transport.Config{Events: &owner{}}, noCarrier{}, Limits{})
	t.Cleanup(l.Close)
	s, _ := standing(l, 1, nil)
	q := &quick{most: 1 << 20}
	s.st = q
	return l, s, q
}

// TestDash: who sends writes, where the stream takes it; what it does not take goes first by a pen,
// which alone writes for a while.
func TestDash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, q := dashing(t)
		want := func(text string, pens, senders int) {
			t.Helper()
			synctest.Wait()
			if b, p, n := q.got(); b != text || p != pens || n != senders {
				t.Fatalf("written %q, %d times by a pen, %d by who sends; want %q, %d, %d", b, p, n, text, pens, senders)
			}
		}
		send(t, s)
		want(frames(1), 0, 1)
		q.most = 2
		send(t, s)
		want(frames(2), 1, 2)
		q.most = 1 << 20
		send(t, s)
		want(frames(3), 2, 2)
		time.Sleep(time.Duration(slowFor))
		send(t, s)
		want(frames(4), 2, 3)
	})
}

// TestDashHasNoCredit: who sends writes no more than there is credit for, and nothing while a pen
// writes.
func TestDashHasNoCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, q := dashing(t)
		s.credit = 1 + frameCost
		send(t, s)
		send(t, s)
		synctest.Wait()
		if b, _, _ := q.got(); b != frames(1) {
			t.Errorf("written %q, want %q", b, frames(1))
		}
		if err := s.gain(1 + frameCost); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b, pens, _ := q.got(); b != frames(2) || pens != 1 {
			t.Errorf("written %q, %d times by a pen; want %q, once", b, pens, frames(2))
		}
	})
}

// TestEndWhileDashing: a link that ends while who sends writes says farewell behind the whole frame,
// and one that yields ends its stream.
func TestEndWhileDashing(t *testing.T) {
	for name, most := range map[string]int{"whole": 1 << 20, "in part": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, s, q := dashing(t)
				q.most = most
				q.during = func() {
					s.far.mu.Lock()
					defer s.far.mu.Unlock()
					s.end(transport.Ours, transport.Closed, true)
				}
				send(t, s)
				synctest.Wait()
				bye := string(appendFrame(nil, kindBye, []byte{byte(transport.Closed)}))
				if b, _, _ := q.got(); b != frames(1)+bye {
					t.Errorf("written %q, want %q", b, frames(1)+bye)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				_, s, q := dashing(t)
				q.most = most
				var spent chan struct{}
				q.during = func() {
					s.far.mu.Lock()
					defer s.far.mu.Unlock()
					s.yield()
					spent = s.spent
				}
				send(t, s)
				synctest.Wait()
				select {
				case <-spent:
				default:
					t.Error("who waits for the last frame waits for ever")
				}
				if b, _, _ := q.got(); b != frames(1) {
					t.Errorf("written %q, want %q", b, frames(1))
				}
				s.fail(io.EOF)
			})
		})
	}
}

// TestFaultWhileDashing: a panic below who sends ends one link, as one below a pen does.
func TestFaultWhileDashing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, q := dashing(t)
		q.during = func() { panic("a bug in a muxer") }
		send(t, s)
		synctest.Wait()
		if n := l.counts.panics.Load(); n != 1 {
			t.Errorf("%d faults were counted, want 1", n)
		}
		s.far.mu.Lock()
		defer s.far.mu.Unlock()
		if !s.over || s.far.live != nil {
			t.Error("the link stands")
		}
	})
}
