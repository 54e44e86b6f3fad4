package past

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Offer changes how many bytes of content this node keeps: Config.Capacity. If it keeps more
// than that, it moves replicas to other nodes of its leaf set, and points to them. What nobody
// takes, as in a ring where all are holders, stays until somebody does.
func (p *Past) Offer(bytes int64) {
	p.cfg.Capacity = max(0, bytes)
	p.most = max(p.most, p.cfg.Capacity)
	p.cacheRoom()
	if p.left() < 0 {
		p.rounds.Soon(0)
	}
}

// Offered returns how many bytes of content this node keeps at most.
func (p *Past) Offered() int64 { return p.cfg.Capacity }

// shrink moves replicas away while this node keeps more than it offers. Mutable objects
// stay: their holders have promised what only they can keep. So does what is kept here for
// another node, which points to it. Large ones take their time, and a few go at once.
func (p *Past) shrink(t *task.T) error {
	coming := int64(0) // to other nodes
	for _, e := range slices.Clone(p.shelf.list) {
		if p.left()+coming >= 0 || len(p.lodgings) >= maxLodgings {
			break
		}
		rank := p.rank(e.object, int(e.copies))
		if e.gone || e.pointer() || !e.whose.IsZero() || e.kind == certificate.Mutable || rank < 0 || rank >= int(e.copies) {
			continue
		}
		if err := p.shed(t, e); err != nil {
			return err
		}
		if p.lodgings[e.object] != nil {
			coming += e.size
		}
	}
	if p.left() < 0 && len(p.lodgings) > 0 {
		p.ep.After(lodgingPace, func() { p.rounds.Soon(0) })
	}
	return nil
}

// shed moves one replica to another node, if there is one that takes it, and then points to
// it.
func (p *Past) shed(t *task.T, e *entry) error {
	o := e.object
	if err := p.busy.Take(t, o); err != nil {
		return stopped(err)
	}
	defer p.busy.Leave(o)
	k, content, err := p.body(t, o, true)
	if err != nil || k.Cert == nil {
		return stopped(err) // what is damaged was put away
	}
	w := &written{kept: &kept{Cert: k.Cert}, content: content}
	at, err := p.divert(t, w, p.beyond(k.Cert))
	if err != nil || at.IsZero() {
		return stopped(err)
	}
	w.kept.At, w.content = &at, nil
	if out := p.commit(t, o, k.Cert, w, false); out.code != 0 || !e.large() {
		return nil
	}
	return stopped(p.deleteBlobs(t, []id.Hash{e.content}))
}

// stopped returns an error only if the node stops: all else is tried again in another round.
func stopped(err error) error {
	if errors.Is(err, task.ErrStopped) {
		return err
	}
	return nil
}
