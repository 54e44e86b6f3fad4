package work

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is what a taker says to the offerer's node of an item that he has.

const (
	// maxHeld is how many items a node has in its hands, with those of which it still has to
	// tell an offerer who is away.
	maxHeld = 10_000
	// askTime bounds one question to the offerer's node.
	askTime = 5 * time.Second
	// confirmTime is how long a program waits for an offerer who does not answer, and tellFor
	// how long he is tried after that.
	confirmTime = 15 * time.Second
	tellFor     = 24 * time.Hour
	tellAgain   = 5 * time.Second
	tellMost    = 2 * time.Minute
)

// holding is an item in the hands of a taker on this node.
type holding struct {
	item, token id.Hash
	from        *peer.Handle
	post        *Post
	timer       task.Timer
	telling     bool // it is confirmed, or given back: the offerer's node is being told
}

// Report is what became of an item.
type Report struct {
	Failed bool
	Why    string // of a failure, for people; what exceeds MaxWhy is cut off
}

// holdings are the items that a program has.
func (w *Work) holdings(p *Post) (list []*holding) {
	for _, h := range w.order {
		if h.post == p && !h.telling {
			list = append(list, h)
		}
	}
	return list
}

// drop forgets an item.
func (w *Work) drop(h *holding) {
	h.timer.Stop()
	if w.held[h.item] == h {
		delete(w.held, h.item)
		w.order = slices.DeleteFunc(w.order, func(o *holding) bool { return o == h })
	}
}

// renewLater says three times in a lease that a taker is still at it.
func (w *Work) renewLater(h *holding) {
	third := w.cfg.Lease / 3
	h.timer = w.ep.After(third-third/8+time.Duration(w.ep.Rand().Int64N(int64(third/8))), func() {
		w.ep.Ask(h.from, encode(&renew{h.item, h.token}), kbr.Options{Timeout: min(askTime, third)}, func(_ kbr.Answer, err error) {
			switch {
			case h.telling || w.held[h.item] != h:
			case gone(err):
				w.drop(h)
				h.post.leave()
				if h.post.o.Lost != nil {
					h.post.o.Lost(h.item)
				}
			default:
				if err != nil {
					w.ep.Find(h.from.ID, func(now *peer.Handle, err error) { // it may have started anew
						if err == nil {
							h.from = now
						}
					})
				}
				w.renewLater(h)
			}
		})
	})
}

// gone reports whether an offerer's node has said that the item is over, or another's.
func gone(err error) bool {
	var refused *kbr.RefusedError
	return errors.As(err, &refused) && (refused.Code == refusedGone || refused.Code == refusedUnknown)
}

// Confirm is Post.Confirm for whoever has the item on this node.
func (w *Work) Confirm(t *task.T, item id.Hash, r Report) error {
	h := w.held[item]
	if h == nil {
		return ErrNotHeld
	}
	return h.post.Confirm(t, item, r)
}

// Confirm says what became of an item, and returns when the offerer's node knows it. The error
// is ErrNotHeld if the item was not this program's any more, or ErrAway if that node does not
// answer: it is told later.
func (p *Post) Confirm(t *task.T, item id.Hash, r Report) error {
	w := p.w
	h := w.held[item]
	if h == nil || h.post != p || h.telling {
		return ErrNotHeld
	}
	m := &report{Item: item, Token: h.token, What: reportDone}
	if r.Failed {
		m.What, m.Why = reportFailed, cut(r.Why)
	}
	m.Free = len(p.at.asked) == 0 && !p.closed // else it is the turn of another
	w.telling(h)
	end := w.ep.Now().Add(confirmTime)
	for {
		err := w.report(t, h, m)
		switch {
		case err == nil:
			w.drop(h)
			return nil
		case errors.Is(err, task.ErrStopped):
			return err
		case gone(err):
			w.drop(h)
			return ErrNotHeld
		case end.Before(w.ep.Now().Add(tellAgain)):
			m.Free = false
			w.tellLater(h, m)
			return ErrAway
		}
		if err := t.Sleep(tellAgain); err != nil {
			return err
		}
	}
}

// cut makes a reason fit a message.
func cut(why string) string {
	return strings.ToValidUTF8(why[:min(len(why), MaxWhy-4)], "?")
}

// telling ends a program's hold of an item: its place is free for the next one.
func (w *Work) telling(h *holding) {
	if !h.telling {
		h.timer.Stop()
		h.telling = true
		h.post.leave()
	}
}

// report tells the offerer's node once.
func (w *Work) report(t *task.T, h *holding, m *report) error {
	_, err := kbr.CallPeer(t, w.ep, h.from, encode(m), kbr.Options{Timeout: askTime})
	if err != nil && !gone(err) && !errors.Is(err, task.ErrStopped) {
		if now, err := kbr.Find(t, w.ep, h.from.ID); err == nil {
			h.from = now // it may have started anew
		}
	}
	return err
}

// tellLater tells the offerer's node when it can be reached.
func (w *Work) tellLater(h *holding, m *report) {
	w.telling(h)
	end := w.ep.Now().Add(tellFor)
	w.ep.Go(func(t *task.T) error {
		for wait := tellAgain; w.ep.Now().Before(end); wait = min(2*wait, tellMost) {
			if err := w.report(t, h, m); err == nil || gone(err) {
				break
			}
			if err := t.Sleep(wait); err != nil {
				return err
			}
		}
		w.drop(h)
		return nil
	}, nil)
}
