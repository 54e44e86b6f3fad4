package reload_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const table store.Table = "numbers"

// reader reads a table of numbers at the start.
type reader struct {
	st      *mem.Store
	read    []uint64
	damaged uint64
	took    time.Duration
	err     error
	done    bool
}

func (r *reader) Start(ep kbr.Endpoint) {
	begun := ep.Now()
	ep.Go(func(t *task.T) error {
		r.damaged, r.err = reload.Table(t, r.st, table, func(_, value []byte) (uint64, bool, error) {
			if len(value) != 8 {
				return 0, false, nil
			}
			return binary.BigEndian.Uint64(value), true, nil
		}, func(ns []uint64) { r.read = append(r.read, ns...) })
		r.took, r.done = ep.Now().Sub(begun), true
		return r.err
	}, nil)
}
func (r *reader) Stop()                     {}
func (r *reader) Deliver(d *kbr.Delivery)   { d.Refuse(1, "no messages") }
func (r *reader) Update(*peer.Handle, bool) {}

// filled is a store with so many numbers, and some records that are none.
func filled(t *testing.T, n int, bad ...int) *mem.Store {
	t.Helper()
	st := mem.New()
	for i := range n {
		v := binary.BigEndian.AppendUint64(nil, uint64(i))
		if slices.Contains(bad, i) {
			v = []byte("none")
		}
		if err := st.Put(table, fmt.Appendf(nil, "%06d", i), v); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

func (r *reader) start(t *testing.T) (*kbrtest.Net, *kbrtest.Node) {
	t.Helper()
	w := kbrtest.New(kbrtest.Config{Seed: 1})
	t.Cleanup(w.Close)
	return w, w.Add(kbrtest.Handle(id.Tiny(1)), kbr.Mount{Number: 1, App: r})
}

// Tables of no, one and many pages are read wholly and in order, without what is damaged, also
// where the last of a page, or all, is.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		n   int
		bad []int
	}{{0, nil}, {1, nil}, {1, []int{0}}, {reload.Page, nil}, {reload.Page + 1, []int{reload.Page - 1}}, {3*reload.Page + 7, []int{0, 5, 2 * reload.Page, 3*reload.Page + 6}}} {
		r := &reader{st: filled(t, c.n, c.bad...)}
		w, _ := r.start(t)
		w.Run(time.Second)
		if !r.done || r.err != nil || len(r.read) != c.n-len(c.bad) || !slices.IsSorted(r.read) || r.damaged != uint64(len(c.bad)) {
			t.Errorf("of %d numbers, %d bad: %d read, %d damaged, %v, done %t", c.n, len(c.bad), len(r.read), r.damaged, r.err, r.done)
		}
	}
}

// A disk that fails, at any page, is asked again until it does not, and nothing is read twice; a
// node that stops meanwhile ends it.
func TestDiskFails(t *testing.T) {
	const n = 2*reload.Page + 5
	for fails := 1; fails <= 4; fails++ {
		r := &reader{st: filled(t, n)}
		scans := 0
		r.st.Fail(func(op mem.Op) error {
			if op.Kind == mem.Scan {
				if scans++; scans >= fails && scans < fails+3 {
					return store.ErrFailed
				}
			}
			return nil
		})
		w, _ := r.start(t)
		w.Run(time.Minute)
		if !r.done || r.err != nil || len(r.read) != n || r.took.Round(time.Second) != 3*reload.Retry {
			t.Errorf("the disk fails at scan %d: %d of %d read in %v, %v", fails, len(r.read), n, r.took, r.err)
		}
	}
	r := &reader{st: filled(t, n)}
	r.st.Fail(func(mem.Op) error { return store.ErrFailed })
	w, node := r.start(t)
	w.Run(time.Minute)
	if r.done {
		t.Errorf("it gave up: %v", r.err)
	}
	node.Kill()
	w.Run(time.Second)
	if !r.done || !errors.Is(r.err, task.ErrStopped) || len(r.read) > 0 {
		t.Errorf("the node stopped: done %t, %d read, %v", r.done, len(r.read), r.err)
	}
}
