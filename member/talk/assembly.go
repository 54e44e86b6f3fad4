package talk

import (
	"context"

	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Assembly is a council and the conversations that it is made of.
type Assembly struct {
	register.Council
	Open map[peer.Key]*Session
}

// Close ends the conversations.
func (a *Assembly) Close() {
	for _, c := range a.Open {
		c.Stream.Close()
	}
}

// Of returns the council of some admitters only, out of those that answer: own speaks for
// this node, whose key is self.
func (a *Assembly) Of(named []peer.Key, self peer.Key, own register.Acceptor) *register.Council {
	c := &register.Council{All: len(named)}
	for _, k := range named {
		if k == self {
			c.Acceptors = append(c.Acceptors, own)
		} else if s := a.Open[k]; s != nil {
			c.Acceptors = append(c.Acceptors, there{s})
		}
	}
	return c
}

// there is another admitter as an acceptor.
type there struct{ c *Session }

// Prepare implements register.Acceptor.
func (t there) Prepare(ctx context.Context, p *msg.Prepare) (*msg.Vote, error) { return t.vote(ctx, p) }

// Accept implements register.Acceptor.
func (t there) Accept(ctx context.Context, a *msg.Accept) (*msg.Vote, error) { return t.vote(ctx, a) }

func (t there) vote(ctx context.Context, question wire.Message) (*msg.Vote, error) {
	stop := t.c.Watch(ctx)
	defer stop()
	return Ask[*msg.Vote](t.c, StepTime, question)
}
