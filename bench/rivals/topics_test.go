package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallTopics measures very little of topics, but all of it.
func smallTopics(members int) topicPlan {
	p := fullTopics(members, tcp)
	p.rounds, p.rate, p.each, p.after, p.idle, p.ladder = 1, 100, 200*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond, []float64{50, 100}
	p.grace, p.growing = time.Minute, time.Minute // however busy the machine is
	return p
}

// TestCompareTopics runs all of it small: both networks form, each member gets each message,
// and everything that the page tells was measured.
func TestCompareTopics(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := compareTopics(ctx, smallTopics(smallestNet), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verify <= 0 || r.Echo.Median <= 0 || len(r.Sides) != 2 {
		t.Fatalf("the floors, or a side, were not measured: %+v", r)
	}
	for _, s := range r.Sides {
		if s.Lost > 0 || s.Deliveries != 20*(smallestNet-1) || s.Median <= 0 || s.P99 < s.Median || s.LastMedian < s.Median || s.Streamed < 1 || s.Formed <= 0 {
			t.Errorf("%s: nothing was measured, or messages are lost: %+v", s.Side, *s)
		}
		if s.Held != 100 || !s.Top {
			t.Errorf("%s: 100 messages a second to %d members were not held: %+v", s.Side, smallestNet, s.Rungs)
		}
	}
}

// topicSample is a run with round figures.
func topicSample() *TopicRun {
	return &TopicRun{
		Members: 50, Transport: tcp, Apart: true, Verify: 1300, Echo: Op{Median: 60},
		Sides: []*TopicSide{
			{Side: phyllo, Formed: 3, Rate: 10, Median: 2000, P99: 4000, LastMedian: 3000, LastP99: 5000, Bytes: 1.4, Streamed: 1.1, CPU: 100, Deliveries: 4900, Held: 600, Rungs: []Rung{
				{Rate: 150, Median: 3000, P99: 9000, Deliveries: 100, Held: true}, {Rate: 600, Median: 500_000, P99: 600_000, Deliveries: 100, Held: true}, {Rate: 900, Median: 500_001, P99: 900_000, Deliveries: 100},
			}},
			{Side: gossipSub, Formed: 2, Rate: 10, Median: 11_000, P99: 20_000, LastMedian: 15_000, LastP99: 30_000, Bytes: 9.4, Streamed: 8.8, CPU: 300, Deliveries: 4900, Lost: 3, Held: 150, Rungs: []Rung{
				{Rate: 150, Median: 4000, P99: 8000, Deliveries: 100, Held: true}, {Rate: 200, Median: 5000, P99: 90_000, Deliveries: 100, Lost: 2, Refused: 1},
			}},
		},
	}
}

func TestTopicGoals(t *testing.T) {
	want := []struct {
		value   float64
		verdict string
	}{{1.1, met}, {1.4, near}, {5.5, met}, {4, near}}
	for i, g := range topicSample().goals() {
		if g.Value != want[i].value || g.verdict() != want[i].verdict {
			t.Errorf("%s: %s, want %v: %s", g.What, g, want[i].value, want[i].verdict)
		}
	}
	none := topicSample()
	none.Sides[1].Held = 0 // it held not even the lowest: 150
	if g := none.goals()[3]; g.Value != 4 {
		t.Errorf("beside a rival who holds no rate: %s", g)
	}
	none.Sides[0].Held = 0
	if g := none.goals()[3]; g.Value != 0 || g.verdict() != missed {
		t.Errorf("of one who holds no rate: %s", g)
	}
}

func TestTopicPage(t *testing.T) {
	r := &Report{Topics: &TopicReport{Part: newPart([]string{"-only", "topics"}), Runs: []*TopicRun{topicSample()}}}
	r.Topics.Runs[0].Sides[0].Top = true
	text := page(r)
	for _, want := range []string{
		"### topics, tcp, 50 members", "`cd bench/rivals && go run . -only topics`", "At 10 messages a second:\n",
		"| phyllo | 2.00 | 4.00 | 3.00 | 5.00 | 1.40× | 1.10× | 100 | none | 600/s or more |\n",
		"| gossipsub | 11.0 | 20.0 | 15.0 | 30.0 | 9.40× | 8.80× | 300 | 3 of 4900 | 150/s |\n",
		"The floors: all processors verify a signature for each member in 1.30 ms; the library alone takes 60.0 µs for 1024 bytes there and back.\n",
		"| 150 | phyllo | 3.00 | 9.00 | 0.00× | none | held |\n| 150 | gossipsub | 4.00 | 8.00 | 0.00× | none | held |\n| 200 | gossipsub | 5.00 | 90.0 | 0.00× | 2 of 100 | not held |\n",
		"Formed: phyllo 3.00 s, gossipsub 2.00 s.\n", "| median delay: gossipsub / phyllo | 5.50× | ≥ 5.00× | met |\n", "go-libp2p-pubsub v0.17.0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, counted) {
		t.Errorf("kad-dht was not measured, and the page tells of it:\n%s", text)
	}
	var table strings.Builder
	r.print(&table, io.Discard)
	if !strings.Contains(table.String(), "5.50× (goal ≥ 5.00×: met)") {
		t.Errorf("the table:\n%s", table.String())
	}
}

// TestEarlierPartStays: who measures one part keeps what the file has of the other.
func TestEarlierPartStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	a := &asked{only: topicsPart, json: path}
	if r, err := a.earlier(); err != nil || len(r.Runs) > 0 {
		t.Fatalf("of a file that is not there: %+v, %v", r, err)
	}
	old := &Report{Part: newPart(nil), Runs: []*Run{sample()}}
	old.Commit = "of old"
	if err := old.write(path); err != nil {
		t.Fatal(err)
	}
	r, err := a.earlier()
	if err != nil || r.Commit != "of old" || len(r.Runs) != 1 {
		t.Errorf("kept %+v, %v", r, err)
	}
	r.Topics = &TopicReport{Runs: []*TopicRun{topicSample()}}
	if of := r.of(topicsPart); len(of.Runs) > 0 || of.Topics == nil {
		t.Errorf("the part of topics is %+v", of)
	}
	if of := r.of(kadPart); len(of.Runs) != 1 || of.Topics != nil || r.of("") != r {
		t.Errorf("the part of kad-dht is %+v", of)
	}
	if r, err := (&asked{json: path}).earlier(); err != nil || len(r.Runs) > 0 {
		t.Errorf("who measures all keeps %+v, %v", r, err)
	}
	if err := os.WriteFile(path, []byte("no report"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.earlier(); err == nil {
		t.Error("something that is no report would be written over")
	}
}

// TestReach: a member that lacks a message counts for no last delivery, and the publisher
// and what is of another block not at all.
func TestReach(t *testing.T) {
	a, r := new(audience), newReach(2, 3, 1)
	a.now.Store(r)
	one, two := r.message(0), r.message(1)
	for _, m := range []int{0, 1, 2, 2} {
		a.heard(m, one)
	}
	a.heard(0, two)
	a.heard(2, newReach(2, 3, 1).message(1))
	a.heard(2, nil)
	if each, last := r.delays(); len(each) != 3 || len(last) != 1 {
		t.Errorf("%d deliveries, of which %d are last ones", len(each), len(last))
	}
	select {
	case <-r.all:
		t.Error("all have all, and one lacks one")
	default:
	}
	a.heard(2, two)
	<-r.all
}

// choir is a crowd whose members all read at once, but those of messages with an odd number
// that stand behind mute.
type choir struct {
	*audience
	members, mute int
	closed        bool
}

func (c *choir) publish(_ context.Context, _ int, message []byte) error {
	for m := range c.members {
		if m < c.mute || message[7]%2 == 0 {
			c.heard(m, message)
		}
	}
	return nil
}

func (c *choir) written() float64 { return 0 }

func (c *choir) close() { c.closed = true }

// TestClimb: a rate is held when nothing is lost and half of the deliveries are in time; who
// does not hold one twice is ended.
func TestClimb(t *testing.T) {
	p := topicPlan{members: 4, each: 20 * time.Millisecond, ladder: []float64{1000, 2000}, growing: time.Minute}
	a, b := new(audience), new(audience)
	good, bad := &choir{audience: a, members: 4, mute: 4}, &choir{audience: b, members: 4, mute: 2}
	c := &topicComparison{topicPlan: p, run: new(TopicRun), say: t.Logf, idling: 1000, parties: []*party{
		{crowd: good, audience: a, side: new(TopicSide)}, {crowd: bad, audience: b, side: new(TopicSide)},
	}}
	c.grace = 50 * time.Millisecond
	if err := c.climb(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := c.parties[0].side; s.Held != 2000 || !s.Top || good.closed || len(s.Rungs) != 2 {
		t.Errorf("who loses nothing: %+v", s)
	}
	if s := c.parties[1].side; s.Held != 0 || s.Top || !bad.closed || len(s.Rungs) != 2 || s.Rungs[1].Lost != 20 {
		t.Errorf("who loses a third: %+v", s)
	}
	c.growing, c.parties[0].side = -1, new(TopicSide)
	if err := c.climb(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := c.parties[0].side; s.Held != 0 || !good.closed {
		t.Errorf("whose queue grows: %+v", s)
	}
}
