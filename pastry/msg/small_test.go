package msg_test

import (
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/wire"
)

// RELIABILITY section 5, row 26: a ping carries a number and little else, and is a
// question, of which a host takes so many a second.
func TestPingsAreSmall(t *testing.T) {
	for _, m := range []wire.Message{&msg.Ping{Seq: 1}, &msg.Pong{Seq: 1}, &msg.StateRequest{Seq: 1, What: 1}} {
		good := append([]byte{byte(m.Kind())}, wire.MustMarshal(map[int]any{1: 1, 2: true, 99: make([]byte, 30)})...)
		if _, ok := m.(*msg.StateRequest); ok {
			good = append([]byte{byte(m.Kind())}, wire.MustMarshal(map[int]any{1: 1, 2: 1, 99: make([]byte, 30)})...)
		}
		if _, err := msg.Messages.Decode(good); err != nil {
			t.Errorf("%T with a field of a newer version: %v", m, err)
		}
		bad := append([]byte{byte(m.Kind())}, wire.MustMarshal(map[int]any{1: 1, 99: make([]byte, 60<<10)})...)
		if _, err := msg.Messages.Decode(bad); !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("%T of 60 KiB: %v", m, err)
		}
	}
	b, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
	if err != nil || !msg.Messages.Asks(b) {
		t.Errorf("a ping is no question: %v", err)
	}
}
