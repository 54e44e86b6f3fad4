package im

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// carrier takes letters of one line to one device, in order, one push at a time.
// A device that does not answer holds up no other.
type carrier struct {
	courier *courier
	node    id.ID
	busy    bool
	again   bool // the node was heard of while an attempt was under way
	retry   retry
}

func (c *courier) carrier(node id.ID) *carrier {
	for _, x := range c.carriers {
		if x.node == node {
			return x
		}
	}
	x := &carrier{courier: c, node: node}
	c.carriers = append(c.carriers, x)
	return x
}

// start goes now, or when it is this carrier's turn, unless it is under way or
// waits for its next attempt.
func (x *carrier) start() {
	m := x.courier.acc.room
	switch {
	case x.busy || x.retry.set || x.courier.halted:
		return
	case m.carrying >= m.cfg.MaxCarriers:
		if !slices.Contains(m.idle, x) {
			m.idle = append(m.idle, x)
		}
		return
	}
	x.busy = true
	m.carrying++
	m.ep.Go(x.carry, func(err error) {
		x.busy = false
		m.carrying--
		again := x.again
		x.again = false
		switch {
		case err == nil || errors.Is(err, task.ErrStopped) || x.courier.halted:
		case again:
			x.start()
		default:
			x.retry.later(m, x.courier.oldest, x.start)
		}
		x.courier.plan()
		for len(m.idle) > 0 && m.carrying < m.cfg.MaxCarriers {
			next := m.idle[0]
			m.idle = m.idle[1:]
			next.start()
		}
	})
}

// errNotTaken says that a device has answered, but not taken all.
var errNotTaken = errors.New("not taken")

// carry goes on until the device has all, or something fails.
func (x *carrier) carry(t *task.T) error {
	c := x.courier
	for !c.halted {
		goods, err := query(t, c.acc, func(l *books.Ledger) (books.Cargo, error) { return l.Pick(c.name, x.node) })
		if err != nil || goods.Err != nil || len(goods.Entries) == 0 {
			return err // what blocks the name is seen by the courier's next plan
		}
		took, err := x.trip(t, goods)
		if took > 0 {
			x.retry.wait = 0
		}
		if err != nil {
			c.readBeside()
			return err
		}
	}
	return nil
}

// trip makes one push and notes what came of it. Its error says why the carrier
// should rest.
func (x *carrier) trip(t *task.T, goods books.Cargo) (took int, err error) {
	c, m := x.courier, x.courier.acc.room
	handle := m.ep.Self()
	if x.node != handle.ID {
		if handle, err = kbr.Find(t, m.ep, x.node); err != nil {
			return 0, err
		}
	}
	sealed, err := x.seal(t, goods)
	if err != nil {
		return 0, err
	}
	p := &push{To: goods.Pin.Card.Identity, Number: goods.Pin.Card.Number, Sealed: sealed}
	ans, err := kbr.CallPeer(t, m.ep, handle, encode(p), kbr.Options{Timeout: m.cfg.PushTimeout})
	if err != nil {
		return 0, err
	}
	said, err := m.read(t, ans, p, x.node)
	if err != nil {
		return 0, err
	}
	sent := goods.Entries[:len(sealed)]
	took = int(said.Took)
	var refused *books.Entry
	if said.Verdict == books.VerdictRefused && took < len(sent) {
		refused = &sent[took]
	}
	if took > 0 || refused != nil {
		_, err = transact(t, c.acc, func(l *books.Ledger) (books.LineState, error) {
			return l.Delivered(c.name, x.node, goods.Pin, sent[:took], refused, m.cfg.KeepForDevices)
		})
		if err != nil {
			return took, err
		}
		if !ans.Relayed {
			c.acc.heard(goods.Pin.Card.Identity, handle)
		}
	}
	if took == len(sent) || refused != nil {
		return took, nil
	}
	return took, errNotTaken
}

// errNotSigned says that an answer through the ring is not the receiver's.
var errNotSigned = errors.New("the answer came through the ring, and the receiver has not signed it")

// read reads the answer that a device gave to a push. One that came through the ring
// must be signed by the receiver before letters leave the outbox for it.
func (m *IM) read(t *task.T, ans kbr.Answer, p *push, device id.ID) (*pushed, error) {
	msg, err := messages.Decode(ans.Payload)
	if err != nil {
		return nil, err
	}
	said, ok := msg.(*pushed)
	if !ok || int(said.Took) > len(p.Sealed) || !said.Verdict.Known() {
		return nil, fmt.Errorf("%w: answer to a push", wire.ErrMalformed)
	}
	if !ans.Relayed || !said.final() {
		return said, nil
	}
	return task.Work(t, storeTimeout, func() (*pushed, error) {
		if !m.deps.Verifier.Verify(p.To, said.signed(m.deps.Ring, device, p), said.Sig) {
			return nil, errNotSigned
		}
		return said, nil
	})
}

// seal signs and seals as many letters as fit one push.
func (x *carrier) seal(t *task.T, goods books.Cargo) ([][]byte, error) {
	a := x.courier.acc
	m, signer, name, from := a.room, a.user.Signer, a.user.Name, a.key
	to := goods.Pin.Card
	return task.Work(t, storeTimeout, func() ([][]byte, error) {
		var out [][]byte
		size, after := 0, uint64(0)
		for _, e := range goods.Entries {
			l := letter.Letter{
				Ring: m.deps.Ring, From: from, To: to.Identity, Number: to.Number,
				Conv: letter.Conversation(from, to.Identity), Stream: goods.Stream, Counter: e.Counter, After: after,
				ID: e.ID, Kind: e.Kind, Time: e.Time, Name: name, Body: e.Body,
			}
			b, err := l.Seal(signer, m.deps.Sealer, to.SealKey)
			if err != nil {
				return nil, err
			}
			if len(b) > maxSealed {
				return nil, fmt.Errorf("%w: sealed letter of %d bytes", wire.ErrTooLarge, len(b))
			}
			if size += len(b) + sealedFrame; size > maxPush {
				break
			}
			out = append(out, b)
			after = e.Counter
		}
		return out, nil
	})
}

// sealedFrame is what a sealed letter costs in a push besides itself, in bytes.
const sealedFrame = 8
