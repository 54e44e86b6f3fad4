package kbrtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// letters is a content whose chunk n is full of the letter n, and what takes it.
type letters struct{ got int }

const letterSize = 3*task.ChunkSize + 5

// ReadChunk implements task.Source.
func (*letters) ReadChunk(n int, _ []byte) ([]byte, error) {
	b := make([]byte, task.Whole(letterSize).Len(n))
	for i := range b {
		b[i] = byte(n)
	}
	return b, nil
}

var errLetters = errors.New("another chunk")

// WriteChunk implements task.Sink.
func (l *letters) WriteChunk(n int, content []byte) error {
	if content[0] != byte(n) {
		return errLetters
	}
	l.got++
	return nil
}

// A transfer moves what was given out, or each end learns why not.
func TestBulk(t *testing.T) {
	boom := errors.New("broken, on purpose")
	for _, c := range []struct {
		name        string
		hurt        func(*kbrtest.Net, *kbrtest.Node, *task.Transfer)
		chunks      int
		here, there error
	}{
		{name: "calm", hurt: func(*kbrtest.Net, *kbrtest.Node, *task.Transfer) {}, chunks: 4},
		{"no ticket", func(_ *kbrtest.Net, _ *kbrtest.Node, tr *task.Transfer) { tr.Ticket[3]++ }, 0, task.ErrTicket, task.ErrTimeout},
		{"nobody there", func(_ *kbrtest.Net, b *kbrtest.Node, _ *task.Transfer) { b.Kill() }, 0, task.ErrBroken, nil},
		{"a stream that breaks", func(_ *kbrtest.Net, b *kbrtest.Node, _ *task.Transfer) {
			b.OnBulk = func(_ *task.Transfer, n int, _ []byte) error {
				if n == 2 {
					return boom
				}
				return nil
			}
		}, 2, boom, boom},
		{"a liar", func(_ *kbrtest.Net, b *kbrtest.Node, _ *task.Transfer) {
			b.OnBulk = func(_ *task.Transfer, n int, content []byte) error {
				content[0] += byte(n)
				return nil
			}
		}, 1, errLetters, task.ErrFar},
		{"a death in the middle", func(w *kbrtest.Net, b *kbrtest.Node, _ *task.Transfer) {
			b.OnBulk = func(_ *task.Transfer, n int, _ []byte) error {
				if n == 2 {
					b.Kill()
				}
				return nil
			}
		}, 3, task.ErrBroken, nil},
		{"a way that is cut", func(w *kbrtest.Net, b *kbrtest.Node, _ *task.Transfer) {
			b.OnBulk = func(_ *task.Transfer, n int, _ []byte) error {
				if n == 1 {
					w.Cut(w.Nodes()[0], b)
				}
				return nil
			}
		}, 2, task.ErrStalled, task.ErrStalled},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := kbrtest.New(kbrtest.Config{Seed: 1})
			defer w.Close()
			a := w.Add(kbrtest.Handle(id.Tiny(1)))
			b := w.Add(kbrtest.Handle(id.Tiny(2)))
			there := errors.New("no outcome")
			take := task.Transfer{With: b.Self(), Part: task.Whole(letterSize), Sink: new(letters), Timeout: time.Minute}
			give := task.Transfer{With: a.Self(), Part: task.Whole(letterSize), Source: new(letters), Timeout: time.Minute}
			b.Do(func() { take.Ticket, _ = b.Endpoint(7).Admit(give, func(m task.Moved) { there = m.Err }) })
			c.hurt(w, b, &take)
			var n int
			err := a.Call(time.Hour, func(t *task.T) (err error) {
				n, err = task.Bulk(t, a.Endpoint(7), take)
				return err
			})
			w.Run(2 * time.Minute)
			if n != c.chunks || !errors.Is(err, c.here) || b.Alive() && !errors.Is(there, c.there) {
				t.Errorf("%d chunks, here %v, there %v; want %d, %v, %v", n, err, there, c.chunks, c.here, c.there)
			}
			if got := take.Sink.(*letters).got; got != n {
				t.Errorf("the sink took %d chunks, told were %d", got, n)
			}
		})
	}
}
