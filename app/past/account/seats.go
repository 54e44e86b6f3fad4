package account

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// grace is added to a task's wait over the question's own time-out, which says more.
	grace = time.Second
	// pause is the mean time between two tries.
	pause = time.Second
	// disk bounds each piece of work with the store, and with signatures.
	disk = 30 * time.Second
)

// some is a random time about pause.
func (a *Accounts) some() time.Duration {
	return pause/2 + time.Duration(a.ep.Rand().Int64N(int64(pause)))
}

// ask asks one node, which may be this one.
func (a *Accounts) ask(to *peer.Handle, q wire.Message, timeout time.Duration, resolve func(wire.Message, error)) {
	if to.ID == a.ep.Self().ID {
		a.serve(to.ID, q, func(m wire.Message, code uint16) {
			if code != 0 {
				resolve(nil, &kbr.RefusedError{Code: code, Text: msg.Refusals[code]})
				return
			}
			resolve(m, nil)
		})
		return
	}
	a.ep.Ask(to, encode(q), kbr.Options{Timeout: timeout}, func(r kbr.Answer, err error) {
		if err != nil {
			resolve(nil, err)
			return
		}
		m, err := msg.Table.Decode(r.Payload)
		if err != nil {
			a.stats.BadInput++
		}
		resolve(m, err)
	})
}

// askOne is ask for a task.
func (a *Accounts) askOne(t *task.T, to *peer.Handle, q wire.Message) (wire.Message, error) {
	return task.Await(t, a.cfg.Ask+grace, func(resolve func(wire.Message, error)) { a.ask(to, q, a.cfg.Ask, resolve) })
}

// askAll asks several nodes at once, until enough (which may be nil) says that the answers
// so far will do.
func (a *Accounts) askAll(t *task.T, to []*peer.Handle, q wire.Message, timeout time.Duration, enough func([]task.Result[wire.Message]) bool) ([]task.Result[wire.Message], error) {
	return task.Gather(t, timeout+grace, len(to), func(i int, resolve func(wire.Message, error)) {
		a.ask(to[i], q, timeout, resolve)
	}, enough)
}

// refusal is the code of a refusal, 0 for all else.
func refusal(err error) uint16 {
	var r *kbr.RefusedError
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}
