package im

import (
	"time"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// lane lets the transactions of one user run one at a time, in the order in which
// they came.
type lane struct {
	busy  bool
	queue []func()
	// doubt: a write failed, and may be on the disk unseen. The next transaction
	// first writes a record of no meaning: if that succeeds, reads show what
	// there is (see package store).
	doubt bool
}

func (l *lane) enter(f func()) {
	if l.busy {
		l.queue = append(l.queue, f)
		return
	}
	l.busy = true
	f()
}

func (l *lane) leave() {
	if len(l.queue) == 0 {
		l.busy = false
		return
	}
	next := l.queue[0]
	l.queue = l.queue[1:]
	next()
}

// storeTimeout bounds the wait for a transaction: disks hang.
const storeTimeout = time.Minute

// transact runs f as a transaction of the user, gives way until it is durable, and
// has told followers by then. f runs off the loop. After an error the change may be
// there later or not, as with package store.
func transact[V any](t *task.T, a *account, f func(*books.Ledger) (V, error)) (V, error) {
	type outcome struct {
		v     V
		l     *books.Ledger
		err   error
		doubt bool
	}
	env := t.Env()
	fresh := id.ID{Hi: env.Rand().Uint64(), Lo: env.Rand().Uint64()}
	return task.Await(t, storeTimeout, func(resolve func(V, error)) {
		a.lane.enter(func() {
			l, doubt := books.Open(a.room.deps.Store, a.key, env.Wall().UnixMilli(), fresh), a.lane.doubt
			env.Work(func() any {
				o := outcome{l: l}
				if doubt {
					if o.err = l.Fence(); o.err != nil {
						o.doubt = true
						return o
					}
				}
				if o.v, o.err = f(l); o.err == nil {
					o.err = l.Commit()
					o.doubt = l.Doubtful(o.err)
				}
				return o
			}, func(r any) {
				o := r.(outcome)
				a.lane.doubt = o.doubt
				if o.err == nil {
					a.follow(o.l)
				}
				a.lane.leave()
				resolve(o.v, o.err)
			})
		})
	})
}

// query is transact for reading only: it does not wait for its turn.
func query[V any](t *task.T, a *account, f func(*books.Ledger) (V, error)) (V, error) {
	l := books.Open(a.room.deps.Store, a.key, t.Env().Wall().UnixMilli(), id.ID{})
	return task.Work(t, storeTimeout, func() (V, error) {
		v, err := f(l)
		if err == nil {
			err = l.Failed()
		}
		return v, err
	})
}
