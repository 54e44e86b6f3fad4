package member

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/roll"
	"github.com/phyllo-net/phyllo/member/silence"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/transport"
)

// Config is what a Member needs from its owner.
type Config struct {
	// Folder is where key files of rings are kept: ring-ID.key, the authority's,
	// where this node holds it. Required.
	Folder string
	// Node signs as this node. Required. Its key is the one that is admitted.
	Node peer.Signer
	// Store keeps the records, in table "member". Required. It must be safe for
	// use from many goroutines.
	Store store.Store
	// Verifier checks signatures; nil means the real one.
	Verifier peer.Verifier
	// Lookup returns addresses at which a node with this key was seen, or none.
	// It may be nil; what is told in this protocol is used then.
	Lookup func(peer.Key) []string
	// Changed is called, from any goroutine, after the certificate or the set of
	// expulsions has changed by this package's doing. It may be nil, must not
	// block, and finds the new state in Certificate and Expulsions.
	Changed func()
	// Decline refuses to become an admitter.
	Decline bool
	// NoAppoint keeps the holder of the authority from appointing members as
	// admitters by itself.
	NoAppoint bool
	// Log may be nil.
	Log *slog.Logger
	// Now is the time of day, for certificates; nil means time.Now.
	Now func() time.Time
	// Rand is the source of salts and secrets; nil means keys.Random().
	Rand io.Reader
}

func (c *Config) complete() error {
	switch {
	case c.Folder == "":
		return errors.New("member: Config.Folder is empty")
	case c.Node == nil:
		return errors.New("member: Config.Node is missing")
	case c.Store == nil:
		return errors.New("member: Config.Store is missing")
	}
	if c.Verifier == nil {
		c.Verifier = keys.Verifier{}
	}
	if c.Lookup == nil {
		c.Lookup = func(peer.Key) []string { return nil }
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = keys.Random()
	}
	return nil
}

// Member is one node's membership: of at most one ring at a time.
type Member struct {
	cfg    Config
	key    peer.Key
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	book      book.Book
	registers *register.Registers

	reading sync.Mutex // one reader of the others' registers at a time
	writing sync.Mutex // one writer of expulsions at a time
	change  sync.Mutex // one founding, joining or appointing at a time
	strange *talk.Limiter
	desk    lan.Desk
	silence silence.Watch

	mu        sync.Mutex // guards what follows
	t         transport.Transport
	self      *book.Self   // nil: in no ring
	authority *keys.Signer // nil: not here
	roll      roll.Roll
	synced    id.Hash // the view whose registers were read
	closed    bool
	busy      sync.WaitGroup // conversations under way
}

// Ring is what a node says of the ring that it is in.
type Ring struct {
	ID   id.Hash
	Name string // chosen by the founder, for people
	// Authority says whether the ring's authority key is kept here.
	Authority bool
	// Admitter says whether this node may admit.
	Admitter bool
}

// Open reads what the store and the folder hold. Nothing is spoken before Serve.
// Errors: ErrOtherKey, and those of the store and of key files.
func Open(ctx context.Context, cfg Config) (*Member, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	m := &Member{cfg: cfg, book: book.New(cfg.Store), key: cfg.Node.Public(), strange: talk.NewLimiter()}
	m.registers = register.New(shelf{m})
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := m.load(); err != nil {
		m.cancel()
		return nil, err
	}
	return m, nil
}

// Serve speaks the protocol over a transport from now on, until Close.
func (m *Member) Serve(t transport.Transport) {
	m.mu.Lock()
	m.t = t
	m.mu.Unlock()
	t.Serve(msg.Protocol, m.answer)
}

// Close ends all conversations and waits for them. The transport and the store
// stay open.
func (m *Member) Close() error {
	m.mu.Lock()
	m.closed = true
	t := m.t
	m.mu.Unlock()
	m.cancel()
	if t != nil {
		t.Serve(msg.Protocol, nil)
	}
	m.busy.Wait()
	return nil
}

// begin counts a conversation in; it reports false after Close.
func (m *Member) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.busy.Add(1)
	return true
}

// Ring returns the ring that this node is in. Errors: ErrNoRing.
func (m *Member) Ring() (Ring, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return Ring{}, ErrNoRing
	}
	return Ring{ID: m.self.Ring, Name: m.self.Name, Authority: m.authority != nil, Admitter: m.roll.InOffice(m.key)}, nil
}

// Certificate returns this node's certificate, nil where it is in no ring. It may
// have ended: see Upkeep.
func (m *Member) Certificate() *peer.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return nil
	}
	return m.self.Certificate
}

// CheckName returns what is wrong with a ring's name, or nil: 1 to MaxName bytes
// of printable text, without blanks at its ends.
func CheckName(name string) error {
	if err := msg.CheckName(name); err != nil {
		return fmt.Errorf("%w: give the ring a short name, such as \"Family\"", err)
	}
	return nil
}

// Authority returns the key of the ring's authority, if it is kept here. Errors: ErrNoRing,
// ErrNoAuthority.
func (m *Member) Authority() (peer.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.self == nil:
		return nil, ErrNoRing
	case m.authority == nil:
		return nil, ErrNoAuthority
	}
	return m.authority, nil
}

// office returns this node's ring and admission. Errors: ErrNoRing,
// ErrNotAdmitter, or that it was expelled.
func (m *Member) office() (*book.Self, *peer.Admission, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return nil, nil, ErrNoRing
	}
	a := m.roll.Admitter(m.key)
	if a == nil {
		return nil, nil, ErrNotAdmitter
	}
	if !m.roll.InOffice(m.key) {
		return nil, nil, fmt.Errorf("this admitter is %w", peer.ErrIsExpelled)
	}
	return m.self, a.Admission, nil
}

func (m *Member) view() ([]*invite.Admitter, id.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roll.InForce()
}

// ring returns the present ring's id, or ErrNoRing.
func (m *Member) ring() (id.Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return id.Hash{}, ErrNoRing
	}
	return m.self.Ring, nil
}

// addrs are this node's own addresses that are handed on.
func (m *Member) addrs() []string {
	m.mu.Lock()
	t := m.t
	m.mu.Unlock()
	if t == nil {
		return nil
	}
	return invite.FirstAddrs(t.Addrs())
}
