package bulk

import (
	"fmt"
	"io"
	"sync"

	"github.com/phyllo-net/phyllo/task"
)

// filled is a chunk that has arrived.
type filled struct {
	buffer  *buffer
	content []byte
}

// receive takes the chunks of a part, and returns how many the sink has.
func (x *exchange) receive() (taken int, err error) {
	// One chunk is read, one written, and as many wait as are left of those in flight.
	full := make(chan filled, task.InFlight-2)
	over := make(chan struct{}) // nothing is written any more
	acks := &received{x: x}
	var readErr error
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(full)
		readErr = x.readChunks(full, over, acks)
	})
	for f := range full {
		if err == nil {
			n := x.part.Chunks[taken]
			if werr := x.contain(func() error { return x.t.Sink.WriteChunk(n, f.content) }); werr != nil {
				err = own{werr}
				close(over)
				x.giveUp()
			} else {
				taken++
				err = acks.took(taken)
			}
		}
		x.m.pool.Put(f.buffer)
	}
	reader.Wait()
	if err == nil {
		err = readErr
	}
	switch {
	case taken == len(x.part.Chunks):
		x.done()
	case x.said: // until the other end has read it and hangs up
		io.Copy(io.Discard, io.LimitReader(x.st, maxWindow))
	}
	return taken, err
}

// readChunks reads chunks into full, until all were read or over is closed; then what
// comes is thrown away.
func (x *exchange) readChunks(full chan<- filled, over <-chan struct{}, acks *received) error {
	var head [headSize]byte
	for i, n := range x.part.Chunks {
		b := x.m.pool.Get().(*buffer)
		content := b[headSize : headSize+x.part.Len(i)]
		for got := 0; got < len(content); {
			r, err := readRecord(x.st, &head)
			switch {
			case err != nil:
				return err
			case r.kind == stop:
				return stopped(r.n)
			case r.kind != piece || r.n != uint32(n) || r.size == 0 || r.size > MaxPiece || r.size > uint64(len(content)-got):
				return x.bad(fmt.Errorf("record of kind %d for chunk %d, %d bytes; chunk %d lacks %d", r.kind, r.n, r.size, n, len(content)-got))
			}
			if _, err := io.ReadFull(x.st, content[got:got+int(r.size)]); err != nil {
				return err
			}
			got += int(r.size)
			x.progress()
			x.m.bytesIn.Add(r.size)
			if err := acks.came(r.size); err != nil {
				return err
			}
		}
		select {
		case full <- filled{b, content}:
		case <-over:
			x.m.pool.Put(b)
		}
	}
	return nil
}

// received is what the sender is told.
type received struct {
	x      *exchange
	mu     sync.Mutex
	chunks uint32
	bytes  uint64
}

// came says that bytes came.
func (r *received) came(bytes uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += bytes
	return r.tell()
}

// took says how many chunks are verified and kept.
func (r *received) took(chunks int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks = uint32(chunks)
	return r.tell()
}

func (r *received) tell() error { return r.x.say(record{kind: ack, n: r.chunks, size: r.bytes}) }
