package topic

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Topics is the application of one node. Not for several goroutines at once: all is called on
// the node's loop.
type Topics struct {
	cfg     Config
	ep      kbr.Endpoint
	asks    limit.Rates
	owned   []*owned // of those who live here
	hubs    []*hub
	outlets []*Outlet
}

var _ kbr.App = (*Topics)(nil)

// New returns Topics for one node, which must run Config.Scribe and Config.Directory too. The
// error names a setting that is missing or out of its range.
func New(c Config) (*Topics, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Topics{cfg: c, asks: limit.New(c.PeerAsks)}, nil
}

// Start implements kbr.App: the topics of those who live here are kept alive from now on.
func (s *Topics) Start(ep kbr.Endpoint) {
	s.ep = ep
	ep.Go(s.keepAlive, nil)
}

// Stop implements kbr.App.
func (s *Topics) Stop() {}

// Update implements kbr.App.
func (s *Topics) Update(*peer.Handle, bool) {}

// target is a topic that was found: its owner's key, and with it the key of its group.
type target struct {
	name  Name
	owner peer.Key
	group id.Hash
}

// find asks whose a topic is. The error is ErrUnknown, or one of the directory.
func (s *Topics) find(t *task.T, n Name) (target, error) {
	f, err := s.cfg.Directory.Lookup(t, n.record())
	switch {
	case errors.Is(err, directory.ErrNotFound) && n.Owner != "":
		return target{}, fmt.Errorf("%w: %w: nobody is called %s", ErrUnknown, directory.ErrNotFound, n.Owner)
	case errors.Is(err, directory.ErrNotFound):
		return target{}, ErrUnknown
	case err != nil:
		return target{}, err
	}
	return s.target(n, f.Record.Identity), nil
}

func (s *Topics) target(n Name, owner peer.Key) target {
	return target{n, owner, n.GroupOf(s.cfg.Ring, owner)}
}

// Standing is what this node has to do with a topic.
type Standing struct {
	Name    Name
	Charter *msg.Charter
	Readers int  // subscriptions on this node
	Writers int  // outlets on this node
	Mine    bool // its owner lives on this node
	Place   scribe.Place
}

// List returns the topics that this node has to do with: those of its own people, those that
// are read or written here, and those that it forwards or keeps for others. The owner's name
// in a person's topic is what the charter says; his key, which is certain, stands there too.
func (s *Topics) List() []Standing {
	var list []Standing
	seen := make(map[id.Hash]bool)
	add := func(group id.Hash, charter *msg.Charter) {
		n, err := ParseName(charter.Name)
		if seen[group] || err != nil || n.group() != charter.Name {
			return // another program's group
		}
		seen[group] = true
		st := Standing{Name: n, Charter: charter, Place: s.cfg.Scribe.Place(group), Mine: s.signer(charter.Creator) != nil}
		if h := s.hub(group); h != nil {
			st.Readers = len(h.readers)
		}
		for _, o := range s.outlets {
			if o.group == group {
				st.Writers += o.uses
			}
		}
		list = append(list, st)
	}
	for _, o := range s.owned {
		add(o.Charter.Group(s.cfg.Ring), o.Charter)
	}
	for _, group := range s.cfg.Scribe.Groups() {
		if c := s.cfg.Scribe.Charter(group); c != nil {
			add(group, c)
		}
	}
	return list
}

// signer is the key of one who lives here; nil: he does not.
func (s *Topics) signer(key peer.Key) peer.Signer {
	all := s.cfg.Signers()
	if i := slices.IndexFunc(all, func(x peer.Signer) bool { return x.Public() == key }); i >= 0 {
		return all[i]
	}
	return nil
}
