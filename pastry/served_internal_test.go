package pastry

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// kept is what the answers in a served set take, counted one by one.
func (s *servedSet) kept() (bytes, answers int) {
	for _, m := range s.list {
		if m.reply != nil {
			bytes += len(m.reply.Payload)
			answers++
		}
	}
	return bytes, answers
}

// TestAnswersAreBounded: however many large answers there are, those that are kept
// take maxAnswers at most, the newest of them are kept, and no copy counts as new.
func TestAnswersAreBounded(t *testing.T) {
	const size, n = 48 << 10, 3 * maxServed / 2
	var s servedSet
	payload := make([]byte, size)
	key := func(i int) servedKey { return servedKey{origin: id.ID{Lo: 1}, num: uint64(i)} }
	for i := range n {
		if _, fresh := s.first(key(i), task.Instant(i)); !fresh {
			t.Fatalf("message %d is none that is new", i)
		}
		s.answered(key(i), &msg.Reply{Payload: payload})
		if s.bytes > maxAnswers {
			t.Fatalf("after message %d the answers take %d bytes, at most %d are good", i, s.bytes, maxAnswers)
		}
	}
	bytes, answers := s.kept()
	if bytes != s.bytes || answers != maxAnswers/size || len(s.list) != maxServed || len(s.inOrder()) != maxServed {
		t.Errorf("%d answers of %d bytes (counted: %d) are kept, of %d messages, %d in order", answers, bytes, s.bytes, len(s.list), len(s.inOrder()))
	}
	for i := n - answers; i < n; i++ {
		if was, fresh := s.first(key(i), n); fresh || was.reply == nil {
			t.Errorf("of message %d, one of the newest, this is kept: %+v", i, was)
		}
	}
	if was, fresh := s.first(key(n-answers-1), n); fresh || was.reply != nil {
		t.Errorf("of an older message this is kept: %+v", was)
	}
}

// TestKeptAnswersAreExact: an answer is not kept with the room that its encoder left.
func TestKeptAnswersAreExact(t *testing.T) {
	for _, room := range []int{0, mostSpare, mostSpare + 1, 1 << 20} {
		var s servedSet
		k := servedKey{num: 1}
		s.first(k, 0)
		sent := &msg.Reply{Code: msg.ReplyAnswer, Num: 7, Payload: append(make([]byte, 0, 1000+room), make([]byte, 1000)...)}
		s.answered(k, sent)
		was, _ := s.first(k, 0)
		if kept := was.reply; cap(kept.Payload) > 1000+mostSpare || len(kept.Payload) != 1000 || kept.Num != 7 || len(sent.Payload) != 1000 {
			t.Errorf("with room for %d more, %d bytes are kept in %d, of reply %d", room, len(kept.Payload), cap(kept.Payload), kept.Num)
		}
	}
}

// TestSmallAnswersStay: receipts cost nothing and are not given up; a late answer to a
// message that is forgotten is not kept; and what is forgotten is not counted.
func TestSmallAnswersStay(t *testing.T) {
	var s servedSet
	key := func(i int) servedKey { return servedKey{num: uint64(i)} }
	s.first(key(0), 0)
	s.answered(key(0), &msg.Reply{Code: msg.ReplyReceipt})
	for i := 1; i <= 3; i++ {
		s.first(key(i), 1)
	}
	for i := 1; i <= 3; i++ {
		s.answered(key(i), &msg.Reply{Payload: make([]byte, maxAnswers/2)})
	}
	if was, _ := s.first(key(0), 2); was.reply == nil {
		t.Error("a receipt was given up")
	}
	if bytes, answers := s.kept(); bytes != maxAnswers || answers != 3 {
		t.Errorf("%d answers of %d bytes are kept, want the receipt and two halves", answers, bytes)
	}
	later := task.Instant(servedFor + time.Minute)
	s.first(key(4), later)
	s.answered(key(1), &msg.Reply{Payload: []byte{1}})
	if bytes, answers := s.kept(); s.bytes != 0 || bytes != 0 || answers != 0 || len(s.list) != 1 {
		t.Errorf("long after, %d answers of %d bytes are kept, and %d are counted, of %d messages", answers, bytes, s.bytes, len(s.list))
	}
}

// TestServedForgets: a copy is known as long as one may be on its way; then its memory
// is given back, and never are there more than maxServed.
func TestServedForgets(t *testing.T) {
	var s servedSet
	at := func(d time.Duration) task.Instant { return task.Instant(time.Hour).Add(d) }
	for i := range uint64(5*maxServed + 10) {
		if _, fresh := s.first(servedKey{num: i}, at(0)); !fresh {
			t.Fatalf("message %d is taken for a copy", i)
		}
	}
	if len(s.inOrder()) != maxServed || len(s.list) != maxServed {
		t.Fatalf("%d and %d messages are kept, want %d", len(s.inOrder()), len(s.list), maxServed)
	}
	if room := cap(s.fifo); room > 2*maxServed {
		t.Errorf("there is room for %d messages, and at most %d are kept", room, maxServed)
	}
	s.forget(maxServed, at(servedFor))
	if _, fresh := s.first(servedKey{num: 5 * maxServed}, at(servedFor)); fresh {
		t.Error("a copy that comes in time is taken for a new message")
	}
	s.forget(maxServed, at(servedFor+1))
	if s.list != nil || s.fifo != nil {
		t.Errorf("%d messages are kept for ever", len(s.inOrder()))
	}
	if _, fresh := s.first(servedKey{num: 5 * maxServed}, at(servedFor+1)); !fresh {
		t.Error("a message is taken for a copy of one that was forgotten")
	}
}
