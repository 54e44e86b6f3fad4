package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

func newDemo(w *world) *cobra.Command {
	var once bool
	nodes := &number{value: 16, low: 4, high: 64}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A ring of real nodes on this computer, to look at",
		Long: `Start a ring of real nodes in this process, on loopback: people register and talk, a
node is killed and the talk goes on, one joins. The page draws the whole ring, with
buttons to kill and to add a node. Nothing is left behind. Ctrl-C ends it; with
--once it ends by itself.`,
		Example: "  phyllo demo\n  phyllo demo --nodes 32\n  phyllo demo --once",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			d, err := newDemoRing(w)
			if err != nil {
				return err
			}
			defer func() {
				if closed := d.close(); err == nil {
					err = closed
				}
			}()
			p := play{w: w, ring: d, begin: w.now()}
			err = p.all(cmd.Context(), nodes.value, once)
			if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil && !once {
				return nil // that is how it ends
			}
			return err
		},
	}
	cmd.Flags().Var(nodes, "nodes", "how many nodes, 4 to 64")
	cmd.Flags().BoolVar(&once, "once", false, "end after one round, with a summary")
	return cmd
}

// play is what happens in the demo.
type play struct {
	w     *world
	ring  *demoRing
	begin time.Time
	count struct {
		Nodes     int   `json:"nodes"`
		ReadyMS   int64 `json:"ready_ms"`
		Sent      int   `json:"sent"`
		Delivered int   `json:"delivered"`
		Killed    int   `json:"killed"`
		Joined    int   `json:"joined"`
	}
}

// step says what has happened.
func (p *play) step(event, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	after := p.w.now().Sub(p.begin)
	if p.w.json {
		if err := p.w.line(map[string]any{"event": event, "text": text, "ms": after.Milliseconds()}); err != nil {
			return err
		}
	} else {
		p.w.printf("%6.1f s  %s\n", after.Seconds(), text)
	}
	return p.w.out.flush()
}

// people of the demo: the first lives on the first node, whose page is shown.
var people = []string{"ann", "bob", "carol"}

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
	if err := p.invite(ctx); err != nil {
		return err
	}
	// The ring lives on, and so does the talk, slowly: there is something to see.
	pause := time.NewTicker(7 * time.Second)
	defer pause.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ring.run(0).Done():
			return nil
		case <-pause.C:
		}
		from := i % len(people)
		if err := p.write(ctx, from, (from+1)%len(people), fmt.Sprintf("message %d", i+1)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := p.step("trouble", "%s", clean(err.Error())); err != nil {
				return err
			}
		}
	}
}

// gather starts the nodes and gives people their names.
func (p *play) gather(ctx context.Context, nodes int) error {
	if err := p.step("begin", "starting %d nodes on this computer …", nodes); err != nil {
		return err
	}
	done := p.w.waiting("they find each other …")
	err := p.ring.grow(ctx, nodes)
	done()
	if err != nil {
		return err
	}
	p.count.Nodes, p.count.ReadyMS = nodes, p.w.now().Sub(p.begin).Milliseconds()
	if err := p.step("ready", "%d nodes are one ring", nodes); err != nil {
		return err
	}
	for i, name := range people {
		done := p.w.waiting(name + " claims a name …")
		_, err := p.ring.api(i).UserAdd(ctx, api.UserRequest{Name: name})
		done()
		if err != nil {
			return fmt.Errorf("claiming the name %s: %w", name, err)
		}
	}
	return p.step("people", "%s have names, each kept by the 5 nodes nearest to it", join(people))
}

// talk lets people write to each other while a node dies and another joins.
func (p *play) talk(ctx context.Context) error {
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {2, 0}} {
		if err := p.write(ctx, pair[0], pair[1], "hello "+people[pair[1]]); err != nil {
			return err
		}
	}
	victim, err := p.ring.victim()
	if err != nil {
		return err
	}
	if err := p.ring.Kill(ctx, victim); err != nil {
		return err
	}
	p.count.Killed++
	if err := p.step("killed", "node %s is killed, without a word to the others", victim.Short()); err != nil {
		return err
	}
	if err := p.write(ctx, 0, 2, "still there?"); err != nil {
		return err
	}
	if err := p.write(ctx, 2, 0, "of course"); err != nil {
		return err
	}
	n, err := p.ring.AddNode(ctx)
	if err != nil {
		return err
	}
	p.count.Joined++
	return p.step("joined", "node %s has joined", n.ID.Short())
}

// deliveryTime is how long a message of the demo may take.
const deliveryTime = 30 * time.Second

func (p *play) write(ctx context.Context, from, to int, text string) error {
	begin := p.w.now()
	done := p.w.waiting(people[from] + " writes to " + people[to] + " …")
	s, err := p.ring.api(from).Send(ctx, api.Draft{From: people[from], To: people[to], Text: text, Wait: deliveryTime.Milliseconds()})
	done()
	if err != nil {
		return fmt.Errorf("%s writing to %s: %w", people[from], people[to], err)
	}
	p.count.Sent++
	if s.State == api.StateDelivered || s.State == api.StateRead {
		p.count.Delivered++
	}
	took := p.w.now().Sub(begin).Round(time.Millisecond)
	return p.step("message", "%s to %s: %q, %s after %s", people[from], people[to], text, clean(s.State), took)
}

func (p *play) summary() error {
	c := p.count
	if p.w.json {
		if err := p.w.line(map[string]any{"event": "summary", "summary": c}); err != nil {
			return err
		}
	} else {
		p.w.printf("\n%d nodes ready after %.1f s; %d of %d messages delivered; %d killed, %d joined\n", c.Nodes, float64(c.ReadyMS)/1e3, c.Delivered, c.Sent, c.Killed, c.Joined)
	}
	if c.Delivered != c.Sent {
		return fmt.Errorf("%d messages were not delivered within %s: run `phyllo demo --once` again, and report it if it stays", c.Sent-c.Delivered, span(deliveryTime))
	}
	return nil
}

// invite shows how to look at the ring, and opens the page.
func (p *play) invite(ctx context.Context) error {
	s, err := p.ring.api(0).Status(ctx)
	if err != nil {
		return err
	}
	home := "phyllo --home " + quoteArg(s.Home)
	if p.w.json {
		return p.w.line(s.Ready())
	}
	p.w.printf("\nThe ring lives on until Ctrl-C. Kill and add nodes on its page, or talk to it:\n")
	p.w.printf("  %s ui\n  %s status\n  %s trace bob\n  %s send bob hello\n\n", home, home, home, home)
	if err := p.w.out.flush(); err != nil || p.w.columns == 0 || s.UI == "" {
		return err
	}
	return p.open(ctx, s.Home)
}

// open opens the page if there is a browser; if there is none, nothing is lost.
func (p *play) open(ctx context.Context, home string) error {
	c, err := api.Dial(home)
	if err != nil {
		return err
	}
	defer c.Close()
	t, err := c.Ticket(ctx)
	if err != nil {
		return err
	}
	if p.w.browse(t.File, p.w.getenv) != nil {
		p.w.printf("The page, for a minute and once: %s\n\n", t.URL)
	}
	return p.w.out.flush()
}

// victim is a node on which nobody lives.
func (d *demoRing) victim() (id.ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nodes[len(people):] {
		if !n.dead {
			return n.id, nil
		}
	}
	return id.ID{}, errors.New("there is no node left to kill: add one")
}
