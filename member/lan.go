package member

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// Joining over the local network, without an invitation. Two people compare six
// digits, so that nobody between the two machines can put his own key in place of
// theirs. The joiner commits to his nonce before he knows the admitter's, and the
// admitter shows its own before it knows his (numeric comparison of Bluetooth,
// short authentication strings of ZRTP, RFC 6189, section 4.5): whoever stands
// between has one try in a million for each time that people compare, however
// many keys and nonces he tries out before.
const (
	// LanTime is how long a request to join stays open.
	LanTime = 60 * time.Second
	// LanPerHour is how many requests an admitter hears in an hour.
	LanPerHour = 5

	digitsMod = 1_000_000
)

// lanRequest is the one request that is open at an admitter.
type lanRequest struct {
	key    peer.Key
	addr   string
	ends   time.Time
	digits string
	said   chan bool // gets whether the admitter's people typed the digits
	// node and err are what came of it, when over is closed.
	node id.ID
	err  error
	over chan struct{}
}

// lanCommit binds a joiner to his nonce and key before he has seen the other.
func lanCommit(nonce []byte, joiner peer.Key) id.Hash {
	return id.HashOf("lan commit", nonce, joiner[:])
}

// lanDigits are what both sides show.
func lanDigits(ring id.Hash, admitter, joiner peer.Key, admitterNonce, joinerNonce []byte) string {
	h := id.HashOf("lan digits", ring, admitter[:], joiner[:], admitterNonce, joinerNonce)
	return fmt.Sprintf("%06d", h.Place().Hi%digitsMod)
}

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
	ctx, cancel := context.WithTimeout(ctx, LanTime+decideTime)
	defer cancel()
	c, err := m.open(ctx, peer.Key{}, addrs)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrUnreachable, err)
	}
	defer c.s.Close()
	ring := c.hello.Certificate.Ring // that it is the right one is what people compare
	if err := m.mayLeave(ring); err != nil {
		return nil, err
	}
	if err := m.checkHello(c, ring, id.ID{}); err != nil {
		return nil, err
	}
	stop := c.watch(ctx)
	defer stop()
	mine, err := m.nonce()
	if err != nil {
		return nil, err
	}
	theirs, err := ask[*msg.LanNonce](c, stepTime, &msg.LanAsk{Commit: lanCommit(mine, m.key)})
	if err != nil {
		return nil, err
	}
	if _, err := ask[*msg.Done](c, stepTime, &msg.LanOpen{Nonce: mine}); err != nil {
		return nil, err
	}
	if !confirm(lanDigits(ring, c.s.Remote(), m.key, theirs.Nonce, mine), c.hello.Name) {
		return nil, ErrLanDenied
	}
	w, err := ask[*msg.Welcome](c, LanTime+decideTime, &msg.LanYes{Addrs: m.addrs(), Time: m.cfg.Now().Unix()})
	if c.broken {
		err = fmt.Errorf("%w (%w)", ErrLanDenied, err) // it was too late
	}
	if err != nil {
		return nil, err
	}
	return m.join(c, ring, w)
}

// answerLan is a request to join, from its commitment to its certificate.
func (m *Member) answerLan(ctx context.Context, c *session, q *msg.LanAsk) error {
	self, _, err := m.office()
	if err != nil {
		return err
	}
	r := &lanRequest{key: c.s.Remote(), addr: c.s.Addr(), said: make(chan bool, 1), over: make(chan struct{})}
	if err := m.openLan(r); err != nil {
		return err
	}
	defer m.closeLan(r)
	r.node, r.err = m.compare(ctx, c, self, r, q)
	return r.err
}

// compare goes from the commitment to the certificate, and returns whom it
// admitted.
func (m *Member) compare(ctx context.Context, c *session, self *selfRecord, r *lanRequest, q *msg.LanAsk) (id.ID, error) {
	open, cancel := context.WithTimeout(ctx, LanTime)
	defer cancel()
	mine, err := m.nonce()
	if err != nil {
		return id.ID{}, err
	}
	opened, err := ask[*msg.LanOpen](c, stepTime, &msg.LanNonce{Nonce: mine})
	if err != nil {
		return id.ID{}, err
	}
	if lanCommit(opened.Nonce, r.key) != q.Commit {
		return id.ID{}, fmt.Errorf("%w: the commitment was to something else", ErrLanDenied)
	}
	m.mu.Lock()
	r.digits = lanDigits(self.Ring, m.key, r.key, mine, opened.Nonce)
	m.mu.Unlock()
	yes, err := m.bothSayYes(open, c, r)
	if err != nil {
		return id.ID{}, err
	}
	ctx, cancelAdmit := context.WithTimeout(ctx, decideTime)
	defer cancelAdmit()
	a, err := m.assembleAll(ctx, self.Ring)
	if err != nil {
		return id.ID{}, err
	}
	defer a.close()
	return m.admit(ctx, c, a, yes.Addrs, yes.Time)
}

// bothSayYes waits for the joiner's word and for the digits that our people type.
func (m *Member) bothSayYes(ctx context.Context, c *session, r *lanRequest) (*msg.LanYes, error) {
	yes, err := ask[*msg.LanYes](c, time.Until(r.ends), &msg.Done{})
	if err != nil {
		return nil, err
	}
	select {
	case right := <-r.said:
		if !right {
			return nil, ErrLanDenied
		}
		return yes, nil
	case <-ctx.Done():
		return nil, ErrLanDenied
	}
}

// openLan makes r the open request, if none is and there were not too many.
func (m *Member) openLan(r *lanRequest) error {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.lanTimes) > 0 && now.Sub(m.lanTimes[0]) >= time.Hour {
		m.lanTimes = m.lanTimes[1:]
	}
	if m.lan != nil || len(m.lanTimes) >= LanPerHour {
		return ErrLanBusy
	}
	r.ends = now.Add(LanTime)
	m.lan, m.lanTimes = r, append(m.lanTimes, now)
	return nil
}

func (m *Member) closeLan(r *lanRequest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lan == r {
		m.lan = nil
	}
	close(r.over)
}

// Admit admits the node that asks to join from the local network, if code is
// what it shows (blanks and hyphens do not matter), and returns its id when it has
// its certificate. There is one try: with other digits the request is closed.
// Errors: ErrLanNone, ErrLanCode, or why it was not admitted.
func (m *Member) Admit(ctx context.Context, code string) (id.ID, error) {
	r, err := m.typed(code)
	if err != nil {
		return id.ID{}, err
	}
	select {
	case <-r.over:
		return r.node, r.err
	case <-ctx.Done():
		return id.ID{}, ctx.Err()
	}
}

func (m *Member) typed(code string) (*lanRequest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.lan
	if r == nil || r.digits == "" || time.Now().After(r.ends) {
		return nil, ErrLanNone
	}
	m.lan = nil
	right := onlyDigits(code) == r.digits
	r.said <- right
	if !right {
		return nil, ErrLanCode
	}
	return r, nil
}

func onlyDigits(s string) string {
	var out []byte
	for _, b := range []byte(s) {
		switch {
		case b >= '0' && b <= '9':
			out = append(out, b)
		case b != ' ' && b != '-':
			return ""
		}
	}
	return string(out)
}
