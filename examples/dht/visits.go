// Package dht shows how a program uses the ring's hash table: it counts visits of pages,
// from all nodes at once. Each count is right, as a change names the version that it
// replaces, and is tried again if another node was faster.
//
// The same function runs in a simulation (simulated_test.go) and on real nodes
// (real_test.go), where
//
//	err = node.Table(ctx, dht.Copies, func(t *task.T, table dht.Table) (err error) {
//		visits, err = Visit(t, table, "welcome")
//		return err
//	})
//
// calls it. On a command line the same is `phyllo dht get` and `phyllo dht put
// --if-version`.
package dht

import (
	"errors"
	"strconv"

	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/task"
)

// Visit counts one more visit of a page and returns how many there were. Its errors are
// those of dht.Table, or of a count that is no number.
func Visit(t *task.T, table dht.Table, page string) (uint64, error) {
	for {
		have, err := table.Get(t, page)
		if err != nil && !errors.Is(err, dht.ErrNotFound) {
			return 0, err
		}
		visits := uint64(0)
		if have.Version > 0 {
			if visits, err = strconv.ParseUint(string(have.Value), 10, 64); err != nil {
				return 0, err
			}
		}
		visits++
		_, err = table.PutIf(t, page, have.Version, strconv.AppendUint(nil, visits, 10))
		if !errors.Is(err, dht.ErrConflict) {
			return visits, err
		}
	}
}
