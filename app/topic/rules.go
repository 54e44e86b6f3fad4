package topic

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Rules are what holds in a topic. The owner may always publish, and subscribe.
type Rules struct {
	// AllPublish and AllRead let every member of the ring; otherwise those who are listed.
	AllPublish, AllRead bool
	Publishers, Readers []peer.Key // at most msg.MaxKeys each
	// Count and Age are how many messages are kept for who comes later, up to
	// msg.MaxCount, and for how long: msg.MinAge to msg.MaxAge.
	Count int
	Age   time.Duration
}

// DefaultRules are those of a topic that is made by publishing to it: everybody reads it, and
// everybody publishes to one that is the ring's; a thousand messages are kept for a day.
func DefaultRules(n Name) Rules {
	return Rules{AllPublish: n.Owner == "", AllRead: true, Count: 1000, Age: 24 * time.Hour}
}

// charter signs the rules.
func (s *Topics) charter(n Name, by peer.Signer, r Rules) (*msg.Charter, error) {
	// A charter of the same key that was signed on another node is older by the clock.
	version := uint64(s.ep.Wall().UnixMilli())
	if o := s.own(s.target(n, by.Public()).group); o != nil {
		version = max(version, o.Charter.Version+1)
	}
	if r.Count < 0 || r.Count > msg.MaxCount {
		return nil, fmt.Errorf("%w: history of %d messages, want 0 to %d", msg.ErrCharter, r.Count, msg.MaxCount)
	}
	c := &msg.Charter{Name: n.group(), Version: version, OpenPublish: r.AllPublish, OpenJoin: r.AllRead,
		Publishers: msg.Keys(r.Publishers...), Members: msg.Keys(r.Readers...), Count: uint32(r.Count), Age: uint32(min(max(r.Age, 0), 2*msg.MaxAge) / time.Second)}
	c = c.Sign(s.cfg.Ring, by)
	return c, c.Check()
}

// Set makes a topic, or changes its rules. The error wraps ErrOwner if it is somebody else's.
func (s *Topics) Set(t *task.T, n Name, by peer.Signer, r Rules) error {
	at, err := s.find(t, n)
	switch {
	case errors.Is(err, ErrUnknown) && n.Owner == "":
		if at, err = s.claim(t, n, by); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if at.owner != by.Public() {
		return ErrOwner
	}
	c, err := s.charter(n, by, r)
	if err != nil {
		return err
	}
	return s.bring(t, c, by)
}

// claim takes the name of a topic of the ring. Somebody else may have been faster: then the
// topic is his.
func (s *Topics) claim(t *task.T, n Name, by peer.Signer) (target, error) {
	err := s.cfg.Directory.Put(t, s.claimed(n, by))
	var taken *directory.TakenError
	switch {
	case errors.As(err, &taken):
		return s.target(n, taken.By), nil
	case err != nil:
		return target{}, fmt.Errorf("claiming the topic %s: %w", n, err)
	}
	return s.target(n, by.Public()), nil
}

// claimed is the record of a topic of the ring.
func (s *Topics) claimed(n Name, by peer.Signer) *directory.Record {
	return (&directory.Record{Name: n.record(), Version: 1}).Sign(s.cfg.Ring, by, s.ep.Wall())
}

// bring gives the ring a charter, once it is safe on this node's disk.
func (s *Topics) bring(t *task.T, c *msg.Charter, by peer.Signer) error {
	if err := s.save(t, c); err != nil {
		return err
	}
	s.refresh(c, by)
	return s.cfg.Scribe.Create(t, c)
}

// remake makes a topic that nobody keeps (any more): by its last charter if this node has it.
// Only its owner can.
func (s *Topics) remake(t *task.T, at target, by peer.Signer) error {
	if at.owner != by.Public() {
		return fmt.Errorf("%w: nobody keeps it now; it is back when its owner's node is, or when he publishes to it", ErrUnknown)
	}
	if o := s.own(at.group); o != nil {
		return s.cfg.Scribe.Create(t, o.Charter)
	}
	c, err := s.charter(at.name, by, DefaultRules(at.name))
	if err != nil {
		return err
	}
	return s.bring(t, c, by)
}

// unknown says ErrUnknown for a topic that has an owner and no group.
func unknown(err error) error {
	if errors.Is(err, scribe.ErrNoGroup) {
		return ErrUnknown
	}
	return err
}
