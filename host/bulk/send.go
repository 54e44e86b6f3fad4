package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// sender is the sending side of an exchange.
type sender struct {
	x *exchange

	mu       sync.Mutex // guards what follows
	cond     sync.Cond
	pace     pacer
	verified int   // chunks
	err      error // why no more is sent
}

// send sends the chunks of a part, and returns how many the other end has verified.
func (x *exchange) send() (verified int, err error) {
	s := &sender{x: x, pace: newPacer()}
	s.cond.L = &s.mu
	ctx, cancel := context.WithCancel(x.t.ctx)
	defer cancel()
	ready := make(chan filled) // the next chunk is read while one is sent
	var sourceErr error
	var acks, source sync.WaitGroup
	acks.Go(func() { s.fail(s.readAcks()) })
	source.Go(func() {
		defer close(ready)
		sourceErr = s.readSource(ctx, ready)
	})
	sent := 0
	for f := range ready {
		if err == nil {
			if err = s.chunk(sent, f); err != nil {
				cancel()
			}
			sent++
		}
		x.m.pool.Put(f.buffer)
	}
	source.Wait()
	switch {
	case err == nil && sourceErr != nil:
		err = own{sourceErr}
		x.giveUp()
	case err != nil || s.await() != nil:
		x.st.Reset()
	default:
		x.done()
	}
	acks.Wait()
	if err == nil {
		err = s.err
	}
	return s.verified, err
}

// readSource reads the chunks ahead, until ctx ends.
func (s *sender) readSource(ctx context.Context, ready chan<- filled) error {
	x := s.x
	for i, n := range x.part.Chunks {
		b := x.m.pool.Get().(*buffer)
		into := b[headSize:]
		var content []byte
		err := x.contain(func() (err error) {
			content, err = x.t.Source.ReadChunk(n, into)
			return err
		})
		if err == nil && len(content) != x.part.Len(i) {
			err = fmt.Errorf("the source of a transfer has %d bytes in chunk %d, want %d", len(content), n, x.part.Len(i))
		}
		if err != nil {
			x.m.pool.Put(b)
			return err
		}
		if &content[0] != &into[0] {
			copy(into, content)
		}
		select {
		case ready <- filled{b, into[:len(content)]}:
		case <-ctx.Done():
			x.m.pool.Put(b)
			return nil
		}
	}
	return nil
}

// chunk sends the i-th chunk of the part, in pieces. Each is written with its record in
// one go: that stands where the piece before it was.
func (s *sender) chunk(i int, f filled) error {
	for at := 0; at < len(f.content); {
		n, err := s.room(i, len(f.content)-at)
		if err != nil {
			return err
		}
		record{piece, uint32(s.x.part.Chunks[i]), uint64(n)}.put(f.buffer[at:])
		if _, err := s.x.st.Write(f.buffer[at : at+headSize+n]); err != nil {
			return err
		}
		s.x.m.bytesOut.Add(uint64(n))
		at += n
	}
	return nil
}

// room waits until a piece of the i-th chunk may be sent, of which so many bytes are
// left, and notes it as sent.
func (s *sender) room(i, left int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.err != nil {
			return 0, s.err
		}
		if n := s.pace.piece(); n > 0 && i < s.verified+task.InFlight {
			n = min(n, left)
			s.pace.send(n, time.Now())
			return n, nil
		}
		s.cond.Wait()
	}
}

// await waits until all chunks are verified.
func (s *sender) await() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.verified < len(s.x.part.Chunks) {
		s.cond.Wait()
	}
	if s.verified == len(s.x.part.Chunks) {
		return nil
	}
	return s.err
}

var errOver = errors.New("all is verified")

// fail lets no more be sent.
func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.cond.Broadcast()
}

// readAcks reads what the other end says, until it has verified all.
func (s *sender) readAcks() error {
	var head [headSize]byte
	for {
		r, err := readRecord(s.x.st, &head)
		switch {
		case err != nil:
			return err
		case r.kind == stop:
			return stopped(r.n)
		case r.kind != ack:
			return s.x.bad(fmt.Errorf("record of kind %d to one who sends", r.kind))
		case !s.acked(r):
			return s.x.bad(fmt.Errorf("%d chunks of %d bytes are acknowledged that were not sent", r.n, r.size))
		}
		s.x.progress()
		if int(r.n) == len(s.x.part.Chunks) {
			return errOver
		}
	}
}

// acked notes an acknowledgement; it reports false if it cannot be true.
func (s *sender) acked(r record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(r.n) < int64(s.verified) || int64(r.n) > int64(len(s.x.part.Chunks)) || !s.pace.ack(r.size, time.Now()) {
		return false
	}
	if r.n > uint32(s.verified) && s.x.part.Bytes(int(r.n)) > int64(s.pace.acked) {
		return false
	}
	s.verified = int(r.n)
	s.cond.Broadcast()
	return true
}
