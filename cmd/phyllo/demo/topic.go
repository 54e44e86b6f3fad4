package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

const (
	// lineEvery is how often there is a line for the topic of the demo while a forwarder dies,
	// and slowLine how often later.
	lineEvery = 10 * time.Millisecond
	slowLine  = 2 * time.Second
	// LinesBefore is how many lines each reader has before a forwarder is killed, and linesAfter
	// how many of those that are published later.
	LinesBefore, LinesAfter = 20, 10
	// idleReaders is how many nodes read the topic besides those on which somebody lives, at most.
	idleReaders = 3
	// topicsTried is how many topics are opened until one begins at a node that can be killed: in
	// the smallest ring a third of them do. The first topicsHeir of them must also go on at one that
	// can, so that whoever looks at the page can kill that one, too; a small ring may have none.
	topicsTried, topicsHeir = 40, 20
)

// topicNumber is the n-th name for the topic of the demo.
func topicNumber(n int) string {
	names := []string{"weather", "news", "tides", "trains"}
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprint("news-", n)
}

// reader is a node of the demo that reads its topic.
type reader struct {
	mu    sync.Mutex
	begun bool
	quiet bool // what comes is looked at no more
	lines []string
	lost  uint64
	err   error // why it reads no more
}

// read lets a node read a topic until the ring ends.
func (d *Ring) read(n *demoNode, user, topic string) *reader {
	r := new(reader)
	d.busy.Go(func() {
		err := n.run.API().Subscribe(d.ctx, api.Subscription{Topic: topic, User: user}, func(e *api.TopicEvent) error {
			r.saw(e)
			return nil
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = fmt.Errorf("reading the topic %s has ended: %w", topic, errors.Join(err, context.Cause(d.ctx)))
	})
	return r
}

func (r *reader) saw(e *api.TopicEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.quiet:
	case e.Event == api.TopicBegin:
		r.begun = true
	case e.Event == api.TopicMessage:
		r.lines = append(r.lines, e.Text)
	case e.Event == api.TopicGap || e.Event == api.TopicSlow:
		r.lost += e.Lost
	}
}

// has reports whether so many lines have come, or are known to be lost.
func (r *reader) has(lines int) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun && len(r.lines)+int(r.lost) >= lines, r.err
}

// hush ends the looking.
func (r *reader) hush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quiet = true
}

// missed is how many of a publisher's lines have not come once and in order.
func (r *reader) missed(p *publisher) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	came, wrong := 0, 0
	for _, text := range r.lines {
		switch {
		case text == p.text(came+1):
			came++
		case strings.HasSuffix(text, " of "+p.name):
			wrong++
		}
	}
	return int(p.sent.Load()) - came + wrong
}

// publisher is somebody who publishes line by line.
type publisher struct {
	name string
	pipe *io.PipeWriter
	sent atomic.Int32  // lines
	safe int           // of these, when done is closed
	err  error         // likewise
	done chan struct{} // closed at its end
}

// publisher lets one of the people publish to a topic, until it is ended or the ring is.
func (d *Ring) publisher(who int, topic string) *publisher {
	in, out := io.Pipe()
	p := &publisher{name: d.people[who], pipe: out, done: make(chan struct{})}
	d.busy.Go(func() {
		defer close(p.done)
		defer context.AfterFunc(d.ctx, func() { out.CloseWithError(d.ctx.Err()) })()
		said, err := d.api(who).Publish(d.ctx, api.Publication{Topic: topic, User: p.name, Lines: true}, in)
		if err != nil {
			p.err = fmt.Errorf("%s publishing to the topic %s: %w", p.name, topic, err)
			in.CloseWithError(p.err)
			return
		}
		p.safe = said.Messages
	})
	return p
}

// text is the n-th line.
func (p *publisher) text(n int) string { return fmt.Sprintf("line %d of %s", n, p.name) }

// end waits until all lines are safe.
func (p *publisher) end() error {
	p.pipe.Close()
	<-p.done
	return p.err
}

// publishers are those who have much to say: the last two people, or the only one but the first.
func (d *Ring) publishers(topic string) (ps []*publisher) {
	for who := 1; who < len(d.people); who++ {
		ps = append(ps, d.publisher(who, topic))
	}
	return ps
}

// steadily publishes a line every now and then, by turns, until it is stopped, or the ring ends,
// or somebody cannot publish any more: that is what stop returns.
func (d *Ring) steadily(ps []*publisher, every time.Duration) (stop func() error) {
	ctx, end := context.WithCancel(d.ctx)
	ended := make(chan error, 1)
	d.busy.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				ended <- nil
				return
			}
			p := ps[n%len(ps)]
			if _, err := io.WriteString(p.pipe, p.text(int(p.sent.Load())+1)+"\n"); err != nil {
				ended <- err
				return
			}
			p.sent.Add(1)
		}
	})
	return func() error {
		end()
		return <-ended
	}
}

// forwarder opens a topic that begins at a node where nobody lives, lets nodes read it, and
// returns one that hands it on and can be killed.
func (p *play) forwarder(ctx context.Context) (x api.TopicPlace, err error) {
	done := p.w.Waiting("a topic opens …")
	defer done()
	owner := p.ring.people[0]
	for i := 0; p.topic == ""; i++ {
		if i == topicsTried {
			return x, fmt.Errorf("none of %d topics begins at a node that can be killed: run `%s demo` again", i, p.w.Program)
		}
		name := topicNumber(i)
		if _, err := p.ring.api(0).Publish(ctx, api.Publication{Topic: name, User: owner}, strings.NewReader("tell me the "+name)); err != nil {
			return x, fmt.Errorf("%s opening the topic %s: %w", owner, name, err)
		}
		tree, err := p.tree(ctx, name)
		if err != nil {
			return x, err
		}
		if x = tree.Nodes[0]; p.ring.spare(x.Node) && (i >= topicsHeir || p.ring.spare(p.ring.heir(tree.Key, x.Node))) {
			p.topic = name
		}
	}
	p.readers = p.ring.audience(p.topic, x.Node)
	p.count.Readers = len(p.readers)
	if err := p.until(ctx, p.allHave(0)); err != nil {
		return x, fmt.Errorf("reading the topic %s: %w", p.topic, err)
	}
	tree, err := p.tree(ctx, p.topic)
	if err != nil {
		return x, err
	}
	for _, deep := range tree.Nodes { // in a large ring there are forwarders below the root
		if deep.Children > 0 && p.ring.spare(deep.Node) {
			x = deep
		}
	}
	done()
	return x, p.step("topic", "%s has opened the topic %s, and %s read it; node %s hands it on to %d of them", owner, p.topic,
		plain.Plural(len(p.readers), "node"), x.Node.Short(), x.Children)
}

func (p *play) tree(ctx context.Context, topic string) (*api.TopicTree, error) {
	tree, err := p.ring.api(0).TopicTree(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("asking for the tree of the topic %s: %w", topic, err)
	}
	return tree, nil
}

// audience lets nodes read a topic: all on which somebody lives, and some others, but not the one
// that will be killed.
func (d *Ring) audience(topic string, but id.ID) (rs []*reader) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, n := range d.nodes {
		switch {
		case i < len(d.people):
			rs = append(rs, d.read(n, d.people[i], topic))
		case i < len(d.people)+idleReaders && !n.dead && n.id != but:
			rs = append(rs, d.read(n, "", topic))
		}
	}
	return rs
}

// allHave reports whether so many lines have come to all readers.
func (p *play) allHave(lines int) func() (bool, error) {
	return func() (bool, error) {
		for _, r := range p.readers {
			if has, err := r.has(lines); !has || err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

// whole reports whether the tree of the topic reaches all its readers without a node, and which its
// root is.
func (p *play) whole(ctx context.Context, without id.ID) (root id.ID, is bool) {
	tree, err := p.tree(ctx, p.topic)
	if err != nil {
		return root, false // its root is gone, and there is no other yet
	}
	read := 0
	for _, n := range tree.Nodes {
		if n.Node == without || n.Silent {
			return root, false
		}
		if n.Reads {
			read++
		}
	}
	return tree.Nodes[0].Node, read == len(p.readers)
}

// mend publishes to the topic while a forwarder of it is killed, until the tree is whole and all
// that was published is read.
func (p *play) mend(ctx context.Context, victim api.TopicPlace) error {
	done := p.w.Waiting("lines are published …")
	defer done()
	ps := p.ring.publishers(p.topic)
	stop := p.ring.steadily(ps, lineEvery)
	err := errors.Join(p.lose(ctx, victim, ps), stop())
	sent := 0
	var names []string
	for _, x := range ps {
		err = errors.Join(err, x.end())
		sent += int(x.sent.Load())
		names = append(names, x.name)
		p.count.Published += x.safe
	}
	if err == nil {
		if err = p.until(ctx, p.allHave(sent)); errors.Is(err, errLate) {
			err = nil // and what has not come is lost
		}
	}
	if err != nil {
		return err
	}
	missed := 0
	for _, r := range p.readers {
		r.hush()
		for _, x := range ps {
			missed += r.missed(x)
		}
	}
	p.count.Missed += missed
	done()
	became := "have read all, once and in order"
	if missed > 0 {
		became = fmt.Sprintf("have missed %d of them, all in all", missed)
	}
	return p.step("published", "%s published by %s meanwhile: the %s %s", plain.Plural(sent, "line"), plain.Join(names), plain.Plural(len(p.readers), "reader"), became)
}

// lose kills a forwarder while lines come, and waits until its tree is whole without it and later
// lines have come to all.
func (p *play) lose(ctx context.Context, victim api.TopicPlace, ps []*publisher) error {
	if err := p.until(ctx, p.allHave(LinesBefore)); err != nil {
		return fmt.Errorf("reading the topic %s: %w", p.topic, err)
	}
	if err := p.ring.Kill(ctx, victim.Node); err != nil {
		return err
	}
	p.count.Killed++
	begin, sent := p.w.Now(), 0
	for _, x := range ps {
		sent += int(x.sent.Load())
	}
	if err := p.step("killed", "node %s is killed in the middle of it, without a word to the others", victim.Node.Short()); err != nil {
		return err
	}
	var root id.ID
	err := p.until(ctx, func() (is bool, err error) {
		if is, err = p.allHave(sent + LinesAfter)(); is {
			root, is = p.whole(ctx, victim.Node)
		}
		return is, err
	})
	took := p.w.Now().Sub(begin)
	switch {
	case errors.Is(err, errLate):
		return p.step("trouble", "the tree of the topic %s is not whole after %s", p.topic, plain.Span(deliveryTime))
	case err != nil:
		return err
	}
	p.count.MendedMS = max(took.Milliseconds(), 1)
	return p.step("mended", "lines come to all again after %s: node %s is the root of the topic %s now", took.Round(time.Millisecond), root.Short(), p.topic)
}
