package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/bench/witness"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
)

// deathRows measure how long the keys of a node that dies are not served. The nodes
// that die are processes of their own.
func deathRows() []row.Row {
	never := []row.Goal{{Metric: "wrong owners", Limit: 0}, {Metric: "without an outcome", Limit: 0},
		{Metric: "wrong owners", Limit: 0, Transport: row.QUIC}, {Metric: "without an outcome", Limit: 0, Transport: row.QUIC}}
	return []row.Row{
		{
			Name: "kill", What: "a killed process (kill -9): its keys are served again", Way: row.ThereAndBack, Transports: row.Links, Rounds: 1, FreePastry: "28 s, all requests lost meanwhile",
			Counted: "from the signal to the first delivery at the next node; 45 nodes in this process and 5 that die, asked 50 times a second from random nodes; 15 deaths",
			Goals:   append([]row.Goal{{Metric: "median", Limit: 1.5}, {Metric: "p99", Limit: 3}}, never...), Measure: measureKill,
		},
		{
			Name: "stop", What: "a stopped process (SIGSTOP) that was asked at least once a second: its keys are served again", Way: row.ThereAndBack, Transports: row.Links, Rounds: 1, FreePastry: "28 s",
			Counted: "from the signal to the first delivery at the next node; then it wakes and is watched for 5 s; 5 deaths",
			Goals:   append([]row.Goal{{Metric: "longest", Limit: 3}}, never...), Measure: measureStop,
		},
		{
			Name: "stop-quiet", What: "a stopped process (SIGSTOP) that nobody had asked for 12 s: its keys are served again", Way: row.ThereAndBack, Transports: row.Links, Rounds: 1, FreePastry: "28 s",
			Counted: "the same, asked 10 times a second from the signal on; 3 deaths at a time, not next to each other, 6 in all",
			Slow:    true, Goals: append([]row.Goal{{Metric: "longest", Limit: 40}}, never...), Measure: measureQuiet,
		},
	}
}

// atRisk is how many nodes of the ring are processes of their own.
const atRisk = 5

// Times of the rows about deaths.
const (
	askEvery    = 20 * time.Millisecond
	quietEvery  = 100 * time.Millisecond
	beforehand  = 2 * time.Second  // a victim is asked for so long before it dies
	quietTime   = 12 * time.Second // a quiet one is not asked for so long: longer than pastry's LeaseQuiet
	afterwards  = 500 * time.Millisecond
	watchAwake  = 5 * time.Second // one that woke is watched
	servedAgain = time.Minute     // the measurement gives up
	settleTime  = 2 * time.Second // between two deaths
)

// hospice is a ring in which nodes die.
type hospice struct {
	ring *ring.Ring
	over ring.Transport
	*witness.Witness
	witness.Outcomes
	victims []*witness.Victim
	mu      sync.Mutex
	gaps    []time.Duration // without service, each death's
	wrongs  int
}

// withHospice calls f with a ring of which some nodes are processes of their own.
func withHospice(ctx context.Context, e *row.Env, f func(*hospice) error) (_ []row.Round, err error) {
	h := &hospice{over: ring.Transport(e.Transport), Witness: witness.New()}
	app := func() kbr.App { return &witness.Server{Tell: h.Tell} }
	r, err := ring.Start(ctx, nodes-atRisk, ring.Options{Transport: h.over, App: app})
	if err != nil {
		return nil, err
	}
	h.ring = r
	defer func() {
		for _, v := range h.victims {
			v.Kill()
		}
		if stopped := r.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stopped
		}
	}()
	if err := f(h); err != nil {
		return nil, err
	}
	h.Running.Wait()
	return []row.Round{{Figures: []row.Figure{
		{Metric: "median", Value: quantile(h.gaps, 0.5).Seconds(), Unit: "s"}, {Metric: "p99", Value: quantile(h.gaps, 0.99).Seconds(), Unit: "s"}, {Metric: "longest", Value: slices.Max(h.gaps).Seconds(), Unit: "s"},
		{Metric: "deaths", Value: float64(len(h.gaps))}, {Metric: "wrong owners", Value: float64(h.wrongs)}, {Metric: "without an outcome", Value: float64(h.Silent)},
		{Metric: "requests", Value: float64(h.Asked)}, {Metric: "of them failed", Value: float64(h.Failed)},
	}}}, nil
}

// refill starts processes until there are enough that may die.
func (h *hospice) refill(ctx context.Context) error {
	for len(h.victims) < atRisk {
		v, err := witness.NewVictim(ctx, h.ring, h.over, h.Tell)
		if err != nil {
			return err
		}
		h.victims = append(h.victims, v)
	}
	return pause(ctx, settleTime)
}

// bury forgets one who was killed.
func (h *hospice) bury(v *witness.Victim) {
	v.Kill()
	h.victims = slices.DeleteFunc(h.victims, func(o *witness.Victim) bool { return o == v })
}

// heir is the node that serves the key of one that is not there.
func (h *hospice) heir(of id.ID) id.ID {
	var all []id.ID
	for _, n := range h.ring.Nodes() {
		all = append(all, n.Self().ID)
	}
	for _, v := range h.victims {
		if v.ID != of {
			all = append(all, v.ID)
		}
	}
	return slices.MinFunc(all, func(a, b id.ID) int {
		if id.Closer(of, a, b) {
			return -1
		}
		return 1
	})
}

// note keeps how long a death was felt, and who served what he should not have.
func (h *hospice) note(gap time.Duration, wrong int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gaps = append(h.gaps, gap)
	h.wrongs += wrong
}

// gone waits until another node serves a key since a moment, and returns how long that
// took.
func (h *hospice) gone(ctx context.Context, v *witness.Victim, since time.Time) (time.Duration, error) {
	limited, end := context.WithTimeout(ctx, servedAgain)
	defer end()
	s, err := h.By(limited, v.ID, since, func(s witness.Service) bool { return s.By != v.ID })
	if err != nil {
		return 0, fmt.Errorf("the keys of node %s are not served again: %w", v.ID.Short(), err)
	}
	return s.At.Sub(since), nil
}

// busy asks for a victim's key until it has served for a while.
func (h *hospice) busy(ctx context.Context, v *witness.Victim) (end func(), err error) {
	h.Forget(v.ID)
	end = h.KeepAsking(ctx, h.ring, v.ID, askEvery)
	limited, cancel := context.WithTimeout(ctx, servedAgain)
	defer cancel()
	if _, err = h.By(limited, v.ID, time.Time{}, func(s witness.Service) bool { return s.By == v.ID }); err == nil {
		err = pause(ctx, beforehand)
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("node %s does not serve its own keys: %w", v.ID.Short(), err)
	}
	return end, nil
}

func measureKill(ctx context.Context, e *row.Env) ([]row.Round, error) {
	batches := 3
	if e.Quick {
		batches = 1
	}
	return withHospice(ctx, e, func(h *hospice) error {
		for range batches {
			if err := h.refill(ctx); err != nil {
				return err
			}
			for _, v := range slices.Clone(h.victims) {
				if err := h.killOne(ctx, v); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (h *hospice) killOne(ctx context.Context, v *witness.Victim) error {
	end, err := h.busy(ctx, v)
	if err != nil {
		return err
	}
	heir, since := h.heir(v.ID), time.Now()
	h.bury(v)
	gap, err := h.gone(ctx, v, since)
	if err == nil {
		err = pause(ctx, afterwards)
	}
	end()
	if err != nil {
		return err
	}
	h.note(gap, h.Wrong(v.ID, v.ID, heir, 1))
	return pause(ctx, settleTime)
}

func measureStop(ctx context.Context, e *row.Env) ([]row.Round, error) {
	return withHospice(ctx, e, func(h *hospice) error {
		if err := h.refill(ctx); err != nil {
			return err
		}
		for _, v := range h.victims {
			if err := h.stopOne(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *hospice) stopOne(ctx context.Context, v *witness.Victim) error {
	end, err := h.busy(ctx, v)
	if err != nil {
		return err
	}
	defer end()
	since := time.Now()
	if err := stop(v); err != nil {
		return err
	}
	return h.asleep(ctx, v, since)
}

// asleep is what happens while a victim stands still: another one comes to serve its
// key, which is asked for; a while later it wakes and is watched.
func (h *hospice) asleep(ctx context.Context, v *witness.Victim, since time.Time) error {
	heir := h.heir(v.ID)
	gap, err := h.gone(ctx, v, since)
	if err == nil {
		err = pause(ctx, afterwards)
	}
	if woken := wake(v); err == nil {
		err = woken
	}
	if err == nil {
		err = pause(ctx, watchAwake)
	}
	if err == nil {
		h.note(gap, h.Wrong(v.ID, v.ID, heir, 2))
	}
	return err
}

func measureQuiet(ctx context.Context, e *row.Env) ([]row.Round, error) {
	rounds := 2
	if e.Quick {
		rounds = 1
	}
	return withHospice(ctx, e, func(h *hospice) error {
		for range rounds {
			if err := h.refill(ctx); err != nil {
				return err
			}
			if err := pause(ctx, quietTime); err != nil {
				return err
			}
			if err := h.stopQuietly(ctx, h.apart()[:3]); err != nil {
				return err
			}
		}
		return nil
	})
}

// apart are the victims in an order in which those that are next to each other on the
// ring of victims are not next to each other.
func (h *hospice) apart() []*witness.Victim {
	vs := slices.Clone(h.victims)
	slices.SortFunc(vs, func(a, b *witness.Victim) int { return a.ID.Cmp(b.ID) })
	var out []*witness.Victim
	for i := range vs {
		out = append(out, vs[2*i%len(vs)])
	}
	return out
}

// stopQuietly stops several victims at once, of which nobody had asked anything; from
// then on they are asked.
func (h *hospice) stopQuietly(ctx context.Context, vs []*witness.Victim) error {
	errs := make([]error, len(vs))
	var all sync.WaitGroup
	for i, v := range vs {
		h.Forget(v.ID)
		since := time.Now()
		if errs[i] = stop(v); errs[i] != nil {
			continue
		}
		all.Go(func() {
			end := h.KeepAsking(ctx, h.ring, v.ID, quietEvery)
			defer end()
			errs[i] = h.asleep(ctx, v, since)
		})
	}
	all.Wait()
	return cause.Join(errs...)
}
