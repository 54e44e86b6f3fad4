package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// New is the command demo.
func New(w *console.World) *cobra.Command {
	var once bool
	nodes := &command.Number{Value: 16, Low: 2, High: 64}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A ring of real nodes on this computer, to look at",
		Long: `Start a ring of real nodes in this process, on loopback: people register and talk,
also all together in a room, and publish to a topic; a node that hands the topic on is killed,
nothing is lost and the talk goes on, one joins. The page draws the whole ring, with
buttons to kill and to add a node; Enter prints a fresh address of it. Nothing is
left behind. Ctrl-C ends it; with --once it ends by itself.`,
		Example: "  phyllo demo\n  phyllo demo --nodes 32\n  phyllo demo --once",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			d, err := NewRing(w)
			if err != nil {
				return err
			}
			defer func() {
				if closed := d.Close(); err == nil {
					err = closed
				}
			}()
			ctx, end := untilHangup(cmd.Context())
			defer end()
			p := play{w: w, ring: d, begin: w.Now()}
			err = p.all(ctx, nodes.Value, once)
			switch {
			case ctx.Err() == nil:
				return err
			case once:
				return ctx.Err()
			}
			return nil // that is how it ends; whatever failed, failed by that
		},
	}
	cmd.Flags().Var(nodes, "nodes", "how many nodes, 2 to 64")
	cmd.Flags().BoolVar(&once, "once", false, "end after one round, with a summary")
	return cmd
}

// play is what happens in the demo.
type play struct {
	w     *console.World
	ring  *Ring
	begin time.Time
	// topic is what is published to, and readers who read it.
	topic   string
	readers []*reader
	count   Summary
}

// Summary is what has happened in a demo, as --once and --json print it at the end.
type Summary struct {
	Nodes     int   `json:"nodes"`
	ReadyMS   int64 `json:"ready_ms"`
	Sent      int   `json:"sent"`
	Delivered int   `json:"delivered"`
	Said      int   `json:"said"`      // in the room
	Read      int   `json:"read"`      // of these, by all who are in it
	Published int   `json:"published"` // lines to the topic, which are safe
	Readers   int   `json:"readers"`   // of the topic
	Missed    int   `json:"missed"`    // lines that a reader has not read once and in order
	MendedMS  int64 `json:"mended_ms"` // from the death of a forwarder until lines came to all again; 0: they did not
	Killed    int   `json:"killed"`
	Joined    int   `json:"joined"`
}

// step says what has happened.
func (p *play) step(event, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	after := p.w.Now().Sub(p.begin)
	if p.w.JSON {
		if err := p.w.Line(map[string]any{"event": event, "text": text, "ms": after.Milliseconds()}); err != nil {
			return err
		}
	} else {
		p.w.Printf("%6.1f s  %s\n", after.Seconds(), text)
	}
	return p.w.Out.Flush()
}

func (p *play) all(ctx context.Context, nodes int, once bool) error {
	if err := p.gather(ctx, nodes); err != nil {
		return err
	}
	if err := p.talk(ctx); err != nil {
		return err
	}
	if once {
		return p.summary()
	}
	p.ring.steadily(p.ring.publishers(p.topic), slowLine)
	enter := enters(ctx, p.w)
	if err := p.invite(ctx, enter != nil); err != nil {
		return err
	}
	// The ring lives on, and so does the talk, slowly: there is something to see.
	pause := time.NewTicker(7 * time.Second)
	defer pause.Stop()
	for said := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ring.run(0).Done():
			return nil
		case _, pressed := <-enter:
			if !pressed {
				enter = nil // the keyboard is gone
				continue
			}
			if err := p.page(ctx, "press Enter"); err != nil {
				return err
			}
			continue
		case <-pause.C:
		}
		if err := p.chat(ctx, said); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := p.step("trouble", "%s", plain.Clean(err.Error())); err != nil {
				return err
			}
		}
		said++
	}
}

// chat is one message more: every third is said to all.
func (p *play) chat(ctx context.Context, number int) error {
	n := len(p.ring.people)
	text := fmt.Sprintf("message %d", number+1)
	if number%3 == 2 {
		return p.say(ctx, number%n, text)
	}
	return p.write(ctx, number%n, (number+1)%n, text)
}

// gather starts the nodes and gives people their names.
func (p *play) gather(ctx context.Context, nodes int) error {
	if err := p.step("begin", "starting %d nodes on this computer …", nodes); err != nil {
		return err
	}
	done := p.w.Waiting("they find each other …")
	err := p.ring.Grow(ctx, nodes)
	done()
	if err != nil {
		return err
	}
	p.count.Nodes, p.count.ReadyMS = nodes, p.w.Now().Sub(p.begin).Milliseconds()
	if err := p.step("ready", "%d nodes are one ring", nodes); err != nil {
		return err
	}
	for i, name := range p.ring.people {
		done := p.w.Waiting(name + " claims a name …")
		_, err := p.ring.api(i).UserAdd(ctx, api.UserRequest{Name: name})
		done()
		if err != nil {
			return fmt.Errorf("claiming the name %s: %w", name, err)
		}
	}
	return p.step("people", "%s have names, each kept by the %d nodes nearest to it", plain.Join(p.ring.people), min(nodes, 5))
}

// talk lets people write to each other while a node dies and another joins.
func (p *play) talk(ctx context.Context) error {
	last := len(p.ring.people) - 1
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {last, 0}} {
		if err := p.write(ctx, pair[0], pair[1], "hello "+p.ring.people[pair[1]]); err != nil {
			return err
		}
	}
	if err := p.meet(ctx); err != nil {
		return err
	}
	if err := p.say(ctx, last, "is everybody here?"); err != nil {
		return err
	}
	if !p.ring.spares() { // somebody lives on each: another one comes first
		if err := p.another(ctx); err != nil {
			return err
		}
	}
	victim, err := p.forwarder(ctx)
	if err != nil {
		return err
	}
	if err := p.mend(ctx, victim); err != nil {
		return err
	}
	if err := p.write(ctx, 0, last, "still there?"); err != nil {
		return err
	}
	if err := p.write(ctx, last, 0, "of course"); err != nil {
		return err
	}
	if err := p.say(ctx, 0, "we are all still here"); err != nil {
		return err
	}
	if p.count.Joined > 0 {
		return nil
	}
	return p.another(ctx)
}

// another lets a node join, and says so when it is in the ring and not before.
func (p *play) another(ctx context.Context) error {
	begin := p.w.Now()
	done := p.w.Waiting("a node joins …")
	n, err := p.ring.AddNode(ctx)
	var ready bool
	if err == nil {
		ready, err = p.ring.settled(ctx, n.ID)
	}
	done()
	switch {
	case err != nil:
		return err
	case !ready:
		return p.step("trouble", "node %s has found no place in the ring after %s; it goes on trying", n.ID.Short(), plain.Span(settleTime))
	}
	p.count.Joined++
	return p.step("joined", "node %s has joined, in %s", n.ID.Short(), p.w.Now().Sub(begin).Round(time.Millisecond))
}

// deliveryTime is how long a message of the demo may take.
const deliveryTime = 30 * time.Second

func (p *play) write(ctx context.Context, from, to int, text string) error {
	begin, sender, receiver := p.w.Now(), p.ring.people[from], p.ring.people[to]
	done := p.w.Waiting(sender + " writes to " + receiver + " …")
	s, err := p.ring.api(from).Send(ctx, api.Draft{From: sender, To: receiver, Text: text, Wait: deliveryTime.Milliseconds()})
	done()
	if err != nil {
		return fmt.Errorf("%s writing to %s: %w", sender, receiver, err)
	}
	p.count.Sent++
	if s.State == api.StateDelivered || s.State == api.StateRead {
		p.count.Delivered++
	}
	took := p.w.Now().Sub(begin).Round(time.Millisecond)
	return p.step("message", "%s to %s: %q, %s after %s", sender, receiver, text, plain.Clean(s.State), took)
}

// demoRoom is the room in which the people of the demo talk.
const demoRoom = "green"

// meet makes a room, into which everybody comes.
func (p *play) meet(ctx context.Context) error {
	done := p.w.Waiting("a room opens …")
	defer done()
	first, others := p.ring.people[0], p.ring.people[1:]
	if _, err := p.ring.api(0).RoomCreate(ctx, api.RoomCreate{User: first, Name: demoRoom}); err != nil {
		return fmt.Errorf("opening a room: %w", err)
	}
	for i, name := range others {
		if err := p.ring.api(0).RoomInvite(ctx, api.RoomWho{User: first, Room: demoRoom, Name: name}); err != nil {
			return fmt.Errorf("inviting %s to a room: %w", name, err)
		}
		invited := func() (bool, error) {
			list, err := p.ring.api(i+1).RoomList(ctx, name)
			return len(list) > 0, err
		}
		if err := p.until(ctx, invited); err != nil {
			return fmt.Errorf("%s waiting for an invitation to a room: %w", name, err)
		}
		if _, err := p.ring.api(i+1).RoomJoin(ctx, api.RoomQuery{User: name, Room: demoRoom}); err != nil {
			return fmt.Errorf("%s joining a room: %w", name, err)
		}
	}
	done()
	are := "are"
	if len(others) == 1 {
		are = "is"
	}
	return p.step("room", "%s has opened the room #%s, and %s %s in it", first, demoRoom, plain.Join(others), are)
}

var errLate = errors.New("it did not happen in time")

// until asks until something is so, for at most deliveryTime.
func (p *play) until(ctx context.Context, so func() (bool, error)) error {
	late := time.NewTimer(deliveryTime)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if is, err := so(); is || err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-late.C:
			return errLate
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// say lets somebody say something in the room, and waits until all others can read it.
func (p *play) say(ctx context.Context, who int, text string) error {
	begin, name := p.w.Now(), p.ring.people[who]
	done := p.w.Waiting(name + " says something to all …")
	defer done()
	s, err := p.ring.api(who).RoomSay(ctx, api.RoomSay{User: name, Room: demoRoom, Text: text})
	if err != nil {
		return fmt.Errorf("%s saying something in a room: %w", name, err)
	}
	p.count.Said++
	err = p.until(ctx, func() (bool, error) {
		for i, other := range p.ring.people {
			list, err := p.ring.api(i).RoomHistory(ctx, api.RoomQuery{User: other, Room: demoRoom, Limit: 20})
			if err != nil || !slices.ContainsFunc(list, func(m api.RoomMessage) bool { return m.ID == s.ID && !m.Locked }) {
				return false, err
			}
		}
		return true, nil
	})
	done()
	switch {
	case errors.Is(err, errLate):
		return p.step("trouble", "%s in #%s: %q, not read by all after %s", name, demoRoom, text, plain.Span(deliveryTime))
	case err != nil:
		return err
	}
	p.count.Read++
	return p.step("said", "%s in #%s: %q, read by all after %s", name, demoRoom, text, p.w.Now().Sub(begin).Round(time.Millisecond))
}

func (p *play) summary() error {
	c := p.count
	if p.w.JSON {
		if err := p.w.Line(map[string]any{"event": "summary", "summary": c}); err != nil {
			return err
		}
	} else {
		p.w.Printf("\n%d nodes ready after %.1f s; %d of %d messages delivered, %d of %d in the room read by all\n", c.Nodes, float64(c.ReadyMS)/1e3, c.Delivered, c.Sent, c.Read, c.Said)
		p.w.Printf("%d lines published to %d readers, %d missed; a forwarder killed, lines come to all again after %.1f s; %d killed, %d joined\n", c.Published, c.Readers, c.Missed, float64(c.MendedMS)/1e3, c.Killed, c.Joined)
	}
	if c.Joined == 0 {
		return fmt.Errorf("no node has joined within %s: run `%s demo --once` again, and report it if it stays", plain.Span(settleTime), p.w.Program)
	}
	if c.MendedMS == 0 {
		return fmt.Errorf("lines of the topic %s did not come to all again within %s: run `%s demo --once` again, and report it if it stays", p.topic, plain.Span(deliveryTime), p.w.Program)
	}
	if c.Missed > 0 {
		return fmt.Errorf("%d lines of the topic %s were not read by all once and in order: run `%s demo --once` again, and report it if it stays", c.Missed, p.topic, p.w.Program)
	}
	if c.Read != c.Said {
		return fmt.Errorf("%d messages in the room were not read by all within %s: run `%s demo --once` again, and report it if it stays", c.Said-c.Read, plain.Span(deliveryTime), p.w.Program)
	}
	if c.Delivered != c.Sent {
		return fmt.Errorf("%d messages were not delivered within %s: run `%s demo --once` again, and report it if it stays", c.Sent-c.Delivered, plain.Span(deliveryTime), p.w.Program)
	}
	return nil
}
