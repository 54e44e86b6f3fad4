package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
)

// topicPlan says how much of topics is measured.
type topicPlan struct {
	members   int
	transport string
	rounds    int           // of delays: in each, another member publishes
	rate      float64       // messages a second in them
	each      time.Duration // how long one block takes: of a round, and of a rung
	after     time.Duration // until a block's last bytes are counted
	idle      time.Duration // of each round in which nobody publishes
	ladder    []float64     // the rates that are tried, one after another
	// grace is how long after the last message of a block members may still get what they
	// lack: gossipsub tells of messages every second for three seconds.
	grace time.Duration
	// growing is the median delay from which on a queue grows: what is not lost yet will be,
	// or is late for ever.
	growing time.Duration
	forming time.Duration // the longest that a network may take to form
}

// fullTopics is the plan of a comparison whose figures are worth keeping.
func fullTopics(members int, transport string) topicPlan {
	return topicPlan{
		members: members, transport: transport, rounds: 3, rate: 10, each: 4 * time.Second, after: 3500 * time.Millisecond, idle: 2 * time.Second,
		ladder: []float64{25, 50, 75, 100, 150, 200, 300, 450, 600, 900, 1200, 1800}, grace: 3 * time.Second, growing: 500 * time.Millisecond, forming: 2 * time.Minute,
	}
}

// TopicRun is what one process measured of topics: both networks, of one size.
type TopicRun struct {
	Members   int    `json:"members"`
	Transport string `json:"transport"`
	Apart     bool   `json:"apart"`
	// Verify is how long all processors take to verify a signature for each member, in µs.
	Verify float64 `json:"verify_us"`
	// Echo is an exchange of a message's bytes on one open stream.
	Echo  Op           `json:"echo"`
	Sides []*TopicSide `json:"sides"`
}

// TopicSide is what was measured of one side.
type TopicSide struct {
	Side string `json:"side"`
	// Formed is how long it took until all members were there, in seconds.
	Formed float64 `json:"formed_s"`
	// Rate is how many messages were published a second for the figures that follow.
	Rate float64 `json:"rate"`
	// Median and P99 are of single deliveries, the last ones of the last member of each
	// message, all in µs.
	Median     float64 `json:"median_us"`
	P99        float64 `json:"p99_us"`
	LastMedian float64 `json:"last_median_us"`
	LastP99    float64 `json:"last_p99_us"`
	// Bytes on the device, Streamed the bytes given to streams: both for each byte of a
	// message and member. CPU is per delivery, in µs. Idle nodes' are taken off.
	Bytes    float64 `json:"bytes"`
	Streamed float64 `json:"streamed"`
	CPU      float64 `json:"cpu_us"`
	// Deliveries were to be made, Lost were not.
	Deliveries int    `json:"deliveries"`
	Lost       int    `json:"lost"`
	Rungs      []Rung `json:"rungs"`
	// Held is the highest rate that was held, of those tried; 0: none. Top: it was the
	// highest of all.
	Held float64 `json:"held"`
	Top  bool    `json:"top,omitempty"`
}

// Rung is one attempt to hold a rate.
type Rung struct {
	Rate   float64 `json:"rate"`
	Median float64 `json:"median_us"`
	P99    float64 `json:"p99_us"`
	// Deliveries were to be made, Lost were not when the grace was over. Refused messages
	// were not taken from the publisher; they are lost to all.
	Deliveries int     `json:"deliveries"`
	Lost       int     `json:"lost"`
	Refused    int     `json:"refused,omitempty"`
	Streamed   float64 `json:"streamed"`
	// Held: nothing was lost, and no queue grew.
	Held bool `json:"held"`
}

// party is one side under way.
type party struct {
	crowd
	*audience
	side *TopicSide

	took, last []time.Duration
	cost       counts
	streamed   float64
	elapsed    time.Duration
	out        bool // holds no higher rate
}

// topicComparison is one run under way.
type topicComparison struct {
	topicPlan
	run     *TopicRun
	parties []*party
	idling  float64 // the processors that both networks take when nobody publishes
	say     func(format string, args ...any)
}

// compareTopics forms both networks in this process and measures them in turns.
func compareTopics(ctx context.Context, p topicPlan, say func(format string, args ...any)) (*TopicRun, error) {
	c := &topicComparison{topicPlan: p, run: &TopicRun{Members: p.members, Transport: p.transport}, say: say}
	forming, cancel := context.WithTimeout(ctx, p.forming)
	defer cancel()
	begun := time.Now()
	a := new(audience)
	g, err := startGossip(forming, p.transport, p.members, a)
	if err != nil {
		return nil, err
	}
	defer g.close()
	c.join(g, a, gossipSub, begun)
	begun, a = time.Now(), new(audience)
	net, err := startPhyllo(forming, p.transport, p.members)
	if err != nil {
		return nil, err
	}
	ours := &phylloCrowd{net: net}
	defer ours.close()
	if err := ours.gather(forming, a); err != nil {
		return nil, err
	}
	c.join(ours, a, phyllo, begun)
	c.parties[0], c.parties[1] = c.parties[1], c.parties[0]
	if err := c.floors(ctx, net); err != nil {
		return nil, err
	}
	if err := c.delays(ctx); err != nil {
		return nil, err
	}
	if err := c.climb(ctx); err != nil {
		return nil, err
	}
	for _, x := range c.parties {
		c.run.Sides = append(c.run.Sides, x.side)
	}
	return c.run, nil
}

func (c *topicComparison) join(who crowd, a *audience, side string, begun time.Time) {
	formed := time.Since(begun).Seconds()
	c.parties = append(c.parties, &party{crowd: who, audience: a, side: &TopicSide{Side: side, Formed: formed, Rate: c.rate}})
	c.say("%s, %s: formed in %.2f s", c.run, side, formed)
}

// floors measures what no message can go below.
func (c *topicComparison) floors(ctx context.Context, net *phylloNet) error {
	const times = 9
	all := make([]time.Duration, times)
	for i := range all {
		var err error
		if all[i], err = ring.VerifyAll(c.members); err != nil {
			return err
		}
	}
	c.run.Verify = micros(middle(all))
	echo, err := net.exchange(ctx, letterSize, rand.New(rand.NewPCG(uint64(c.members), 3)))
	if err != nil {
		return err
	}
	for i := range 20 * c.members {
		if i == 10*c.members { // it is warm
			echo.forget()
		}
		if err := echo.carryOut(ctx, echo.next()); err != nil {
			return err
		}
	}
	c.run.Echo = echo.result(counts{})
	return nil
}

// publisher is who publishes in a round: another member each time, so that nobody's place in
// a tree or mesh decides. The first of them warms up.
func (c *topicComparison) publisher(round int) int { return (1 + 7*round) % c.members }

// delays measures delays, bytes and processor time at a modest rate.
func (c *topicComparison) delays(ctx context.Context) error {
	for _, x := range c.parties { // to warm up
		if err := c.round(ctx, x, 0); err != nil {
			return err
		}
		*x = party{crowd: x.crowd, audience: x.audience, side: &TopicSide{Side: x.side.Side, Formed: x.side.Formed, Rate: c.rate}}
	}
	var idle counts
	idleStreams, idled := make([]float64, len(c.parties)), time.Duration(0)
	for round := range c.rounds {
		for _, x := range c.parties {
			if err := c.round(ctx, x, round+1); err != nil {
				return err
			}
		}
		before, begun := usage(), time.Now()
		for i, x := range c.parties {
			idleStreams[i] -= x.written()
		}
		if err := pause(ctx, c.idle); err != nil {
			return err
		}
		for i, x := range c.parties {
			idleStreams[i] += x.written()
		}
		idle = idle.plus(usage().minus(before))
		idled += time.Since(begun)
		c.say("%s: round %d of %d", c.run, round+1, c.rounds)
	}
	c.idling = idle.cpu / micros(idled)
	for i, x := range c.parties {
		share := x.elapsed.Seconds() / idled.Seconds()
		x.settle(x.cost.minus(idle.times(share)), x.streamed-share*idleStreams[i])
	}
	return nil
}

// round measures one block of one side.
func (c *topicComparison) round(ctx context.Context, x *party, round int) error {
	r := c.block(c.rate, c.publisher(round))
	before, begun, streamed := usage(), time.Now(), x.written()
	if err := publishAll(ctx, x, x.audience, r, c.rate, c.grace); err != nil {
		return err
	}
	if err := pause(ctx, c.after); err != nil {
		return err
	}
	x.cost = x.cost.plus(usage().minus(before))
	x.streamed += x.written() - streamed
	x.elapsed += time.Since(begun)
	each, last := r.delays()
	x.took, x.last = append(x.took, each...), append(x.last, last...)
	x.side.Deliveries += len(r.begun) * (c.members - 1)
	return nil
}

// block prepares the messages that a rate makes in a block's time.
func (c *topicComparison) block(rate float64, from int) *reach {
	return newReach(max(1, int(rate*c.each.Seconds())), c.members, from)
}

// settle writes down what was measured at the modest rate.
func (x *party) settle(net counts, streamed float64) {
	s := x.side
	s.Lost = s.Deliveries - len(x.took)
	s.Median, s.P99 = spread(x.took)
	s.LastMedian, s.LastP99 = spread(x.last)
	paid := float64(s.Deliveries * letterSize)
	s.Bytes, s.Streamed, s.CPU = net.bytes/paid, streamed/paid, net.cpu/float64(s.Deliveries)
}

// climb tries higher and higher rates with both sides in turns. Who does not hold a rate
// twice is tried no further, and ended: nodes that have too much to do would be in the way
// of the others.
func (c *topicComparison) climb(ctx context.Context) error {
	for i, rate := range c.ladder {
		for _, x := range c.parties {
			for try := 0; try < 2 && !x.out; try++ {
				rung, err := c.rung(ctx, x, rate, c.publisher(i))
				if err != nil {
					return err
				}
				x.side.Rungs = append(x.side.Rungs, rung)
				c.say("%s, %s: %s", c.run, x.side.Side, rung)
				if rung.Held {
					x.side.Held, x.side.Top = rate, i == len(c.ladder)-1
					break
				}
				if x.out = try == 1; x.out {
					x.close()
				}
			}
		}
	}
	return nil
}

// rung tries one rate with one side.
func (c *topicComparison) rung(ctx context.Context, x *party, rate float64, from int) (Rung, error) {
	r, streamed := c.block(rate, from), x.written()
	if err := publishAll(ctx, x, x.audience, r, rate, c.grace); err != nil {
		return Rung{}, err
	}
	each, _ := r.delays()
	rung := Rung{Rate: rate, Deliveries: len(r.begun) * (c.members - 1), Refused: int(r.refused.Load())}
	rung.Lost = rung.Deliveries - len(each)
	rung.Median, rung.P99 = spread(each)
	rung.Held = rung.Lost == 0 && rung.Median <= micros(c.growing)
	err := calm(ctx, c.idling)
	rung.Streamed = (x.written() - streamed) / float64(max(1, len(each))*letterSize)
	return rung, err
}

// String names a comparison of topics.
func (r *TopicRun) String() string {
	return fmt.Sprintf("topics, %s, %d members", r.Transport, r.Members)
}
