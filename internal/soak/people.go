package main

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// readEvery is how often a user looks into the inbox.
const readEvery = 3 * time.Second

// write lets the user of a node write to the others, one message after another, at
// random times.
func (f *field) write(ctx context.Context, n *node) {
	dice := f.dice(n.number)
	for {
		f.pause(ctx, time.Duration(dice.ExpFloat64()*float64(f.pace)), f.over)
		if ended(f.over) || ctx.Err() != nil {
			return
		}
		p := pair{n.number, (n.number + 1 + dice.IntN(len(f.nodes)-1)) % len(f.nodes)}
		f.send(n, p)
	}
}

// send writes one message of the pair, and enters what was said to it. It goes on when
// the soak is broken off: a call that is given up has no outcome.
func (f *field) send(n *node, p pair) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	began, _ := n.turn()
	draft := api.Draft{From: n.user, To: f.nodes[p.to].user, Text: f.book.write(p)}
	sent, err := n.API.Send(ctx, draft)
	switch kind := api.KindOf(err); {
	case err == nil && sent.State == api.StateFailed:
		f.book.note(p, refused)
		f.blame("message %q failed: %s", draft.Text, sent.Reason)
	case err == nil:
		f.book.note(p, accepted)
	case kind == api.NotFound, kind == api.KeyChanged, kind == api.Disputed, kind == api.Usage:
		f.book.note(p, refused)
		f.blame("message %q was refused: %v", draft.Text, err)
	default:
		f.book.note(p, unsure)
		f.failed(n, began, "writing", err)
	}
}

// read lets the user of a node read what comes, and mark it as read, until all is still.
func (f *field) read(ctx context.Context, n *node) {
	for ctx.Err() == nil && !ended(f.still) {
		f.pause(ctx, readEvery, f.still)
		ctx, cancel := context.WithTimeout(ctx, callTime)
		began, _ := n.turn()
		if err := n.readNew(ctx); err != nil && ctx.Err() != context.Canceled {
			f.failed(n, began, "reading", err)
		}
		cancel()
	}
}

// readNew reads what has come since the last time, and marks it.
func (n *node) readNew(ctx context.Context) error {
	list, err := n.API.Inbox(ctx, api.InboxQuery{User: n.user, Since: n.newest()})
	if err != nil || len(list) == 0 {
		return err
	}
	n.inbox = append(n.inbox, list...)
	ids := make([]id.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return n.API.MarkRead(ctx, n.user, ids)
}

// newest is the message that was read last, or none.
func (n *node) newest() id.ID {
	if len(n.inbox) == 0 {
		return id.ID{}
	}
	return n.inbox[len(n.inbox)-1].ID
}

// settle waits until no message waits for anybody any more.
func (f *field) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for ctx.Err() == nil {
		waiting := 0
		for _, n := range f.nodes {
			if s, err := n.API.Status(ctx); err != nil {
				waiting++
			} else {
				waiting += s.Queued
			}
		}
		if waiting == 0 {
			return
		}
		f.pause(ctx, time.Second, nil)
	}
}

// reread reads a user's whole inbox once more, from the first message on.
func (n *node) reread(ctx context.Context) ([]api.Message, error) {
	if len(n.inbox) == 0 {
		return n.API.Inbox(ctx, api.InboxQuery{User: n.user})
	}
	all := n.inbox[:1:1]
	for {
		list, err := n.API.Inbox(ctx, api.InboxQuery{User: n.user, Since: all[len(all)-1].ID})
		if err != nil || len(list) == 0 {
			return all, err
		}
		all = append(all, list...)
	}
}
