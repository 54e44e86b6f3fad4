package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/task"
)

// fetchRows measure the reading of one large object from those who keep it.
func fetchRows() []row.Row {
	const counted = "`Past.Fetch` by a node that keeps no replica, each chunk verified by its certificate's hashes and passed on in order; 5 nodes in one process, which share its processors, and read from one disk (or what memory the system has of it); its length over the time it takes"
	of := func(name, what string, copies int) row.Row {
		return row.Row{Name: name, What: what, Transports: row.Links[:1], Rounds: 5, Counted: counted, Measure: fetches(copies)}
	}
	return []row.Row{of("fetch-one", "an object of 100 MB from its one holder", 1), of("fetch-three", "an object of 100 MB from its three holders at once", 3)}
}

// fetches measures with so many holders.
func fetches(copies int) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(ctx context.Context, e *row.Env) (rounds []row.Round, err error) {
		r, err := ring.Start(ctx, 5, ring.Options{Transport: ring.Transport(e.Transport), Disk: true})
		if err != nil {
			return nil, err
		}
		defer func() {
			if stopped := r.Stop(context.WithoutCancel(ctx)); err == nil {
				err = stopped
			}
		}()
		if err := r.Mesh(ctx); err != nil {
			return nil, err
		}
		s, err := newCargo().store(ctx, r.Nodes()[0], copies)
		if err != nil {
			return nil, err
		}
		reader := r.Nodes()[slices.IndexFunc(r.Nodes(), func(n *ring.Node) bool { return !keeps(s, n) })]
		for i := range e.Rounds + 1 {
			used := computer.ProcessorTime()
			took, err := fetch(ctx, reader, s)
			if err != nil {
				return nil, err
			}
			if used = computer.ProcessorTime() - used; i > 0 { // the first warms up
				rounds = append(rounds, row.Round{
					Bound:   fmt.Sprintf("holders and reader share the processors, which worked for %.0f ms of %.0f", millis(used), millis(took)),
					Figures: []row.Figure{{Metric: "rate", Value: perSecond(took), Unit: "MB/s"}, {Metric: "CPU", Value: used.Seconds() * 1e9 / moved, Unit: "ms a MB"}},
				})
			}
		}
		return rounds, nil
	}
}

func keeps(s past.Stored, n *ring.Node) bool {
	return slices.ContainsFunc(s.Receipts, func(r *certificate.Receipt) bool { return r.Holder.Node == n.Self().ID })
}

// store keeps the content in the ring.
func (c *cargo) store(ctx context.Context, n *ring.Node, copies int) (s past.Stored, err error) {
	var chunks []byte
	for _, sum := range c.sums {
		chunks = append(chunks, sum[:]...)
	}
	owner := newDepositor(n).owner
	err = n.Storage(ctx, func(t *task.T, p *past.Past) (err error) {
		f := past.File{Part: certificate.NamePart([]byte("bench"), "cargo"), Copies: copies}
		s, err = p.InsertLarge(t, f, past.Large{Size: moved, Chunks: chunks, Source: c}, owner)
		return err
	})
	return s, err
}

// tally is a sink that counts.
type tally int

// WriteChunk implements task.Sink.
func (x *tally) WriteChunk(_ int, content []byte) error {
	*x += tally(len(content))
	return nil
}

// fetch reads the whole once.
func fetch(ctx context.Context, n *ring.Node, s past.Stored) (took time.Duration, err error) {
	var came tally
	err = n.Storage(ctx, func(t *task.T, p *past.Past) error {
		f, err := p.Lookup(t, s.Certificate.ID())
		if err != nil {
			return err
		}
		begun := time.Now()
		err = p.Fetch(t, f, task.Whole(moved), &came)
		took = time.Since(begun)
		return err
	})
	if err == nil && came != moved {
		err = fmt.Errorf("%d bytes came of %d", came, moved)
	}
	return took, err
}
