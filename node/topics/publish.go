package topics

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// pubWindow is how many messages of one publication are under way at once: more than
	// fit a batch, so that they are signed together, and less than a publisher holds.
	pubWindow = 512
	// pubPause is how long to wait when a publisher that several share holds too much.
	pubPause = 20 * time.Millisecond
)

// publication is one run of Publish.
type publication struct {
	h      *Here
	outlet *topic.Outlet
	room   chan struct{} // has a place for each message under way
	failed chan error    // has room for one
	safe   int           // messages; touched on the loop
}

// Publish implements api.Node.
func (f Face) Publish(ctx context.Context, q api.Publication, r io.Reader) (*api.Published, error) {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := Speaker(f.Node, q.User)
	if err != nil {
		return nil, err
	}
	h := f.Node.Here()
	if h == nil {
		return nil, loop.ErrNoPlace
	}
	outlet, err := loop.Run(ctx, h.loop, func(t *task.T) (*topic.Outlet, error) { return h.topics.Open(t, name, by) })
	if err != nil {
		return nil, kind.Give(err)
	}
	p := &publication{h: h, outlet: outlet, room: make(chan struct{}, pubWindow), failed: make(chan error, 1)}
	err = p.run(ctx, messagesOf(r, q.Lines))
	safe := 0
	if bad := h.loop.Call(context.WithoutCancel(ctx), func() {
		safe = p.safe
		outlet.Close()
	}); err == nil {
		err = bad
	}
	if err != nil {
		return nil, published(err, safe)
	}
	return &api.Published{Topic: name.String(), Messages: safe}, nil
}

// published says of an error what was published before it.
func published(err error, safe int) error {
	err = kind.Give(err)
	if safe == 0 {
		return err
	}
	return api.Wrap(api.KindOf(err), fmt.Errorf("after %d messages, which are published: %w", safe, err))
}

// run publishes one message after another. The first is waited for: it may have to make the
// topic.
func (p *publication) run(ctx context.Context, next func() ([]byte, error)) error {
	for first := true; ; first = false {
		m, err := next()
		if err == io.EOF {
			return p.wait(ctx)
		}
		if err != nil {
			return errors.Join(err, p.wait(ctx))
		}
		if first {
			_, err = loop.Run(ctx, p.h.loop, func(t *task.T) (struct{}, error) {
				_, err := p.outlet.Say(t, m)
				if err == nil {
					p.safe++
				}
				return struct{}{}, err
			})
		} else {
			err = p.send(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

// send publishes a message as soon as there is room, without waiting until it is safe.
func (p *publication) send(ctx context.Context, m []byte) error {
	select {
	case p.room <- struct{}{}:
	case err := <-p.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		var err error
		if bad := p.h.loop.Call(ctx, func() { err = p.outlet.Publish(m, p.taken) }); bad != nil {
			return bad
		}
		if !errors.Is(err, scribe.ErrBusy) {
			return err
		}
		if err := pauseFor(ctx, pubPause); err != nil {
			return err
		}
	}
}

// taken is told what became of a message. It is called on the loop.
func (p *publication) taken(_ uint64, err error) {
	if err == nil {
		p.safe++
	} else {
		select {
		case p.failed <- err:
		default: // the first says it
		}
	}
	<-p.room
}

// wait waits until all that is under way is safe.
func (p *publication) wait(ctx context.Context) error {
	for range cap(p.room) {
		select {
		case p.room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.h.loop.Done():
			return loop.ErrNoPlace
		}
	}
	select {
	case err := <-p.failed:
		return err
	default:
		return nil
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// messagesOf cuts what is read into messages: one, or one for each line.
func messagesOf(r io.Reader, lines bool) func() ([]byte, error) {
	n := 0
	tooLong := func() error {
		if !lines {
			return api.Errorf(api.Usage, "a message has at most %d bytes: store what is larger with `phyllo put`, and publish its name", api.MaxTopicMessage)
		}
		return api.Errorf(api.Usage, "line %d has more than %d bytes: store what is larger with `phyllo put`, and publish its name", n, api.MaxTopicMessage)
	}
	if !lines {
		return func() ([]byte, error) {
			if n++; n > 1 {
				return nil, io.EOF
			}
			b, err := io.ReadAll(io.LimitReader(r, api.MaxTopicMessage+1))
			if err == nil && len(b) > api.MaxTopicMessage {
				err = tooLong()
			}
			return b, err
		}
	}
	in := bufio.NewReaderSize(r, api.MaxTopicMessage+2) // with the end of the line
	return func() ([]byte, error) {
		line, err := in.ReadSlice('\n')
		switch n++; {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, tooLong()
		case err == io.EOF && len(line) > 0:
			err = nil
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if err == nil && len(line) > api.MaxTopicMessage {
			err = tooLong()
		}
		return bytes.Clone(line), err
	}
}
