package topic

import (
	"bytes"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
)

// This file is how a node tells that its readers have been given a message: for who measures
// how long that takes (Measure).

const (
	// seenWait is how long a question about a message waits for it.
	seenWait = 10 * time.Second
	// seenAtOnce is how many questions about one topic wait on a node.
	seenAtOnce = 256
)

// awaited is a question about a message that has not been read here yet.
type awaited struct {
	mark []byte
	d    *kbr.Delivery
	over bool
}

// onSeen answers once the readers of this node have been given the message.
func (s *Topics) onSeen(d *kbr.Delivery, q *seen) {
	h := s.hub(q.Group)
	if h == nil || !h.opened || len(h.readers) == 0 {
		d.Refuse(refusedUnknown, "nobody reads the topic on this node")
		return
	}
	// On a busy machine thousands are read before the question comes.
	for _, k := range slices.Backward(h.kept) {
		if m := k.e.Message; m != nil && bytes.HasPrefix(m.Body, q.Mark) {
			d.Reply(encode(new(saw)))
			return
		}
	}
	if len(h.awaited) >= seenAtOnce {
		d.Refuse(refusedBusy, "too many questions: ask later")
		return
	}
	a := &awaited{mark: q.Mark, d: d}
	h.awaited = append(h.awaited, a)
	s.ep.After(seenWait, func() {
		if !a.over {
			h.unawait(a)
			d.Refuse(refusedUnseen, "the message was not read here")
		}
	})
}

// given tells those who wait for a message that the readers have it.
func (h *hub) given(body []byte) {
	for i := 0; i < len(h.awaited); {
		a := h.awaited[i]
		if !bytes.HasPrefix(body, a.mark) {
			i++
			continue
		}
		h.unawait(a)
		a.d.Reply(encode(new(saw)))
	}
}

func (h *hub) unawait(a *awaited) {
	a.over = true
	for i, o := range h.awaited {
		if o == a {
			h.awaited = append(h.awaited[:i], h.awaited[i+1:]...)
			return
		}
	}
}
