// Package chat is a chat for everybody in a ring: what one says, all who have entered read, each
// line once, and who enters reads the last lines that were said before. See chat_test.go for the
// same chat in a simulation and on real nodes, where node.Topics gives what Enter wants.
package chat

import (
	"fmt"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Past is how many lines one reads when one enters.
const Past = 20

// Room is a place in a chat, from Enter to Leave.
type Room struct {
	nick string
	out  *topic.Outlet
	in   *topic.Subscription
}

// Enter enters the chat of a name, and opens it if nobody has. show is called on the node's
// loop with each line that is said, and with a line for each gap.
func Enter(t *task.T, topics *topic.Topics, name, nick string, me peer.Signer, show func(line string)) (*Room, error) {
	n, err := topic.ParseName(name)
	if err != nil {
		return nil, err
	}
	r := &Room{nick: nick}
	if r.out, err = topics.Open(t, n, me); err != nil {
		return nil, err
	}
	if err = r.Say(t, "hello"); err == nil {
		r.in, err = topics.Subscribe(t, n, topic.Options{By: me, Last: Past, Event: func(e topic.Event) {
			switch {
			case e.Message != nil:
				show(string(e.Message.Body))
			case e.Gap != nil:
				show(fmt.Sprintf("(%d lines are lost)", e.Gap.To-e.Gap.From+1))
			}
		}})
	}
	return r, err
}

// Say says a line. When it returns nil all who are there will read it.
func (r *Room) Say(t *task.T, line string) error {
	_, err := r.out.Say(t, []byte(r.nick+": "+line))
	return err
}

// Leave leaves the chat.
func (r *Room) Leave() {
	r.in.Close()
	r.out.Close()
}
