package topic_test

import (
	"reflect"
	"testing"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

func FuzzMessages(f *testing.F) {
	f.Add(topic.AskWhere(id.HashOf("group")))
	f.Add(topic.AskSeen(id.HashOf("group"), make([]byte, topic.MarkSize)))
	f.Add(topic.Here(id.Tiny(1), id.ID{}, id.Tiny(2), id.Tiny(3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := topic.Decode(b)
		if err != nil {
			return
		}
		if again, err := topic.Decode(topic.Encode(m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v is read again as %+v, %v", m, again, err)
		}
	})
}

func TestBadMessages(t *testing.T) {
	many := make([]id.ID, 1025)
	for i := range many {
		many[i] = id.ID{Hi: uint64(i + 1)}
	}
	for what, b := range map[string][]byte{
		"nothing": {}, "an unknown kind": {77}, "too many children": topic.Here(id.Tiny(1), id.ID{}, many...),
		"a child without an id": topic.Here(id.Tiny(1), id.ID{}, id.ID{}), "a node without an id": topic.Here(id.ID{}, id.ID{}),
		"a short mark": topic.AskSeen(id.HashOf("group"), make([]byte, topic.MarkSize-1)), "a long mark": topic.AskSeen(id.HashOf("group"), make([]byte, topic.MarkSize+1)),
		"cut off": topic.AskWhere(id.HashOf("group"))[:9],
	} {
		if m, err := topic.Decode(b); err == nil {
			t.Errorf("%s: read as %+v", what, m)
		}
	}
}

// Who floods a node with questions about trees is refused, and nobody else.
func TestFlood(t *testing.T) {
	w := newTown(t, 3)
	h := w.houses[0]
	if err := h.say("news", ann, "x"); err != nil {
		t.Fatal(err)
	}
	ask := func(from *house) (refused int) {
		from.must(func(tt *task.T) error {
			ep := w.Node(from.node).Endpoint(appTopic)
			for range 3100 {
				_, err := kbr.CallPeer(tt, ep, w.Node(h.node).Self(), topic.AskWhere(id.HashOf("no group")), kbr.Options{})
				if r, ok := err.(*kbr.RefusedError); !ok {
					t.Fatal(err)
				} else if r.Code == 2 {
					refused++
				}
			}
			return nil
		})
		return refused
	}
	if n := ask(w.houses[1]); n == 0 {
		t.Error("nobody was refused")
	}
	w.houses[2].must(func(t *task.T) error {
		_, err := w.houses[2].topics.Tree(t, name("news"))
		return err
	})
}
