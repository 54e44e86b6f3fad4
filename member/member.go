package member

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
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
	// NoAppoint keeps the holder of the authority from appointing the first two
	// members as admitters by itself.
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

	registers *register.Registers

	reading sync.Mutex // one reader of the others' registers at a time
	writing sync.Mutex // one writer of expulsions at a time
	change  sync.Mutex // one founding, joining or appointing at a time
	strange *limiter

	mu        sync.Mutex // guards what follows
	t         transport.Transport
	self      *selfRecord        // nil: in no ring
	authority *keys.Signer       // nil: not here
	admitters []*invite.Admitter // all that were ever seen, sorted by key
	synced    id.Hash            // the view whose registers were read
	out       peer.Expulsions
	lan       *lanRequest // the one that is open, or nil
	lanTimes  []time.Time // when the last ones were
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
	m := &Member{cfg: cfg, key: cfg.Node.Public(), strange: newLimiter()}
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
	return Ring{ID: m.self.Ring, Name: m.self.Name, Authority: m.authority != nil, Admitter: m.inOffice(m.key)}, nil
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

// authorityFile is where the authority's key of a ring is kept.
func (m *Member) authorityFile(ring id.Hash) string {
	return filepath.Join(m.cfg.Folder, "ring-"+ring.String()[:16]+".key")
}

func (m *Member) loadAuthority(ring id.Hash) (*keys.Signer, error) {
	s, err := keys.LoadSigner(m.authorityFile(ring), keys.RingKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case peer.RingID(s.Public()) != ring:
		return nil, fmt.Errorf("%s: %w: it is another ring's key", m.authorityFile(ring), keys.ErrKind)
	}
	return s, nil
}

// inOffice reports whether a key is an admitter's in good standing. m.mu is held.
func (m *Member) inOffice(key peer.Key) bool {
	a := m.admitter(key)
	if a == nil {
		return false
	}
	_, out := m.out.AdmitterExpelled(key)
	return !out
}

// admitter returns what is known of an admitter, or nil. m.mu is held.
func (m *Member) admitter(key peer.Key) *invite.Admitter {
	if i, have := m.findAdmitter(key); have {
		return m.admitters[i]
	}
	return nil
}

func (m *Member) findAdmitter(key peer.Key) (int, bool) {
	return slices.BinarySearchFunc(m.admitters, key, func(a *invite.Admitter, k peer.Key) int { return slices.Compare(a.Key[:], k[:]) })
}

// office returns this node's ring and admission. Errors: ErrNoRing,
// ErrNotAdmitter, or that it was expelled.
func (m *Member) office() (*selfRecord, *peer.Admission, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return nil, nil, ErrNoRing
	}
	a := m.admitter(m.key)
	if a == nil {
		return nil, nil, ErrNotAdmitter
	}
	if !m.inOffice(m.key) {
		return nil, nil, fmt.Errorf("this admitter is %w", peer.ErrIsExpelled)
	}
	return m.self, a.Admission, nil
}

// inForce are the admitters in good standing, and the view's name: a hash of
// their keys. m.mu is held.
func (m *Member) inForce() ([]*invite.Admitter, id.Hash) {
	var as []*invite.Admitter
	var parts []any
	for _, a := range m.admitters {
		if m.inOffice(a.Key) {
			as = append(as, a)
			parts = append(parts, a.Key[:])
		}
	}
	return as, id.HashOf("view", parts...)
}

func (m *Member) view() ([]*invite.Admitter, id.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inForce()
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
