package machine

import (
	"encoding/binary"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Bulk implements task.Env.
func (k *Kernel) Bulk(tr task.Transfer, done func(task.Moved)) (stop func()) {
	tr.Validate()
	return k.transfer(DoBulk, &tr, done)
}

// Admit implements task.Env.
func (k *Kernel) Admit(tr task.Transfer, done func(task.Moved)) (task.Ticket, func()) {
	tr.Validate()
	binary.BigEndian.PutUint64(tr.Ticket[:8], k.rng.Uint64())
	binary.BigEndian.PutUint64(tr.Ticket[8:], k.rng.Uint64())
	return tr.Ticket, k.transfer(DoAdmit, &tr, done)
}

// transfer asks the driver for a transfer, unless it is one too many with that peer.
func (k *Kernel) transfer(kind EffectKind, tr *task.Transfer, done func(task.Moved)) (stop func()) {
	with := tr.With.ID
	err := tr.Part.Check()
	if err == nil && k.bulks[with] >= task.MaxTransfers {
		err = task.ErrBusy
	}
	if err != nil {
		k.After(0, func() { done(task.Moved{Err: err}) })
		return func() {}
	}
	if k.bulks == nil {
		k.bulks = make(map[id.ID]int)
	}
	k.bulks[with]++
	over := false
	slot := k.await(func(r any) {
		over = true
		if k.bulks[with]--; k.bulks[with] == 0 {
			delete(k.bulks, with)
		}
		done(r.(task.Moved))
	})
	k.out.List = append(k.out.List, Effect{Kind: kind, Slot: slot, Bulk: tr})
	return func() {
		if !over {
			k.out.List = append(k.out.List, Effect{Kind: DoStopBulk, Slot: slot})
		}
	}
}
