// Package reload is how an application reads at its node's start what it had written down. It does not
// give up where the disk fails: a node that does not know what it keeps must not speak of it.
package reload

import (
	"bytes"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// Retry is the time after which the disk is asked again when it failed.
	Retry = 5 * time.Second
	// Page is how many records are read in one piece of work.
	Page = 512
	// disk is how long a piece of work may take.
	disk = time.Minute
)

// Once does f off the node's loop, again and again until it does not fail. The error is
// task.ErrStopped.
func Once[T any](t *task.T, f func() (T, error)) (T, error) {
	for {
		x, err := task.Work(t, disk, f)
		if err == nil || errors.Is(err, task.ErrStopped) {
			return x, err
		}
		if err := t.Sleep(Retry); err != nil {
			return x, err
		}
	}
}

// page is some records of a table.
type page[T any] struct {
	list    []T
	damaged uint64
	last    []byte // the last key, also if that is damaged; nil: there was none
}

// Table reads all records of a table in the order of their keys. decode is called for each off the
// node's loop, and may read more of the store: it reports false for a record that is damaged, which is counted, and an
// error where the disk failed. take is called on the loop with some at a time. The error is
// task.ErrStopped.
func Table[T any](t *task.T, st store.Store, table store.Table, decode func(key, value []byte) (T, bool, error), take func([]T)) (damaged uint64, err error) {
	var r store.Range
	for r.Limit = Page; ; {
		p, err := Once(t, func() (p page[T], failed error) {
			err := st.Scan(table, r, func(key, value []byte) bool {
				x, ok, err := decode(key, value)
				switch {
				case err != nil:
					failed = err
				case ok:
					p.list = append(p.list, x)
				default:
					p.damaged++
				}
				p.last = key
				return failed == nil
			})
			return p, errors.Join(failed, err)
		})
		if err != nil || p.last == nil {
			return damaged, err
		}
		take(p.list)
		damaged += p.damaged
		r.From = append(bytes.Clone(p.last), 0)
	}
}
