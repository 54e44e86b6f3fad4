package member

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
)

func (m *Member) nonce() ([]byte, error) {
	b := make([]byte, msg.NonceSize)
	if _, err := io.ReadFull(m.cfg.Rand, b); err != nil {
		return nil, fmt.Errorf("join over the local network: the random source failed: %w", err)
	}
	return b, nil
}

// JoinLAN asks a node on the local network to be admitted to its ring. confirm is
// called with the six digits and the ring's name, and returns whether the person
// here says that the other side shows (or was told) the same; the other side types
// them into Admit. Errors: those of Redeem, ErrLanBusy, ErrLanDenied.
func (m *Member) JoinLAN(ctx context.Context, addrs []string, confirm func(digits, ring string) bool) (*Joined, error) {
	m.change.Lock()
	defer m.change.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lan.Time+talk.DecideTime)
	defer cancel()
	c, err := m.open(ctx, peer.Key{}, addrs)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrUnreachable, err)
	}
	defer c.Stream.Close()
	ring := c.Hello.Certificate.Ring // that it is the right one is what people compare
	if err := m.mayLeave(ring); err != nil {
		return nil, err
	}
	if err := m.checkHello(c, ring, id.ID{}); err != nil {
		return nil, err
	}
	stop := c.Watch(ctx)
	defer stop()
	mine, err := m.nonce()
	if err != nil {
		return nil, err
	}
	theirs, err := talk.Ask[*msg.LanNonce](c, talk.StepTime, &msg.LanAsk{Commit: lan.Commit(mine, m.key)})
	if err != nil {
		return nil, err
	}
	if _, err := talk.Ask[*msg.Done](c, talk.StepTime, &msg.LanOpen{Nonce: mine}); err != nil {
		return nil, err
	}
	if !confirm(lan.Digits(ring, c.Stream.Remote(), m.key, theirs.Nonce, mine), c.Hello.Name) {
		return nil, ErrLanDenied
	}
	w, err := talk.Ask[*msg.Welcome](c, lan.Time+talk.DecideTime, &msg.LanYes{Addrs: m.addrs(), Time: m.cfg.Now().Unix()})
	if c.Broken {
		err = fmt.Errorf("%w (%w)", ErrLanDenied, err) // it was too late
	}
	if err != nil {
		return nil, err
	}
	return m.join(c, ring, w)
}

// answerLan is a request to join, from its commitment to its certificate.
func (m *Member) answerLan(ctx context.Context, c *talk.Session, q *msg.LanAsk) error {
	self, _, err := m.office()
	if err != nil {
		return err
	}
	r := m.desk.Open(c.Stream.Remote(), c.Stream.Addr())
	if r == nil {
		return ErrLanBusy
	}
	var node id.ID
	defer func() { m.desk.Close(r, node, err) }()
	node, err = m.compare(ctx, c, self, r, q)
	return err
}

// compare goes from the commitment to the certificate, and returns whom it
// admitted.
func (m *Member) compare(ctx context.Context, c *talk.Session, self *book.Self, r *lan.Request, q *msg.LanAsk) (id.ID, error) {
	open, cancel := context.WithTimeout(ctx, lan.Time)
	defer cancel()
	mine, err := m.nonce()
	if err != nil {
		return id.ID{}, err
	}
	opened, err := talk.Ask[*msg.LanOpen](c, talk.StepTime, &msg.LanNonce{Nonce: mine})
	if err != nil {
		return id.ID{}, err
	}
	if lan.Commit(opened.Nonce, r.Key) != q.Commit {
		return id.ID{}, fmt.Errorf("%w: the commitment was to something else", ErrLanDenied)
	}
	m.desk.Show(r, lan.Digits(self.Ring, m.key, r.Key, mine, opened.Nonce))
	yes, err := m.bothSayYes(open, c, r)
	if err != nil {
		return id.ID{}, err
	}
	ctx, cancelAdmit := context.WithTimeout(ctx, talk.DecideTime)
	defer cancelAdmit()
	a, err := m.assembleAll(ctx, self.Ring)
	if err != nil {
		return id.ID{}, err
	}
	defer a.Close()
	return m.admit(ctx, c, a, yes.Addrs, yes.Time)
}

// bothSayYes waits for the joiner's word and for the digits that our people type.
func (m *Member) bothSayYes(ctx context.Context, c *talk.Session, r *lan.Request) (*msg.LanYes, error) {
	yes, err := talk.Ask[*msg.LanYes](c, time.Until(r.Ends), &msg.Done{})
	if err != nil {
		return nil, err
	}
	select {
	case right := <-r.Said():
		if !right {
			return nil, ErrLanDenied
		}
		return yes, nil
	case <-ctx.Done():
		return nil, ErrLanDenied
	}
}

// Admit admits the node that asks to join from the local network, if code is
// what it shows (blanks and hyphens do not matter), and returns its id when it has
// its certificate. There is one try: with other digits the request is closed.
// Errors: ErrLanNone, ErrLanCode, or why it was not admitted.
func (m *Member) Admit(ctx context.Context, code string) (id.ID, error) {
	r, right := m.desk.Type(code)
	switch {
	case r == nil:
		return id.ID{}, ErrLanNone
	case !right:
		return id.ID{}, ErrLanCode
	}
	return r.Outcome(ctx)
}
