package directory

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// spare is how many nodes beyond the holders are named where they are known, for seats
// that turn out to be empty.
const spare = 3

// seats are the places of a name's holders and who may sit there.
type seats struct {
	of int // the number of holders
	// nodes are candidates, the nearest to the key first. There may be several
	// handles of one node, if those who named it differ.
	nodes []*peer.Handle
}

// Holders returns the nodes that keep a name, nearest first, as far as they are known
// without asking each of them. The error is ErrNotReachable or task.ErrStopped.
func (d *Directory) Holders(t *task.T, name Name) ([]*peer.Handle, error) {
	s, err := d.seats(t, name.Key())
	if err != nil {
		return nil, err
	}
	var hs []*peer.Handle
	for _, h := range s.nodes {
		if len(hs) < s.of && !contains(hs, h.ID) {
			hs = append(hs, h)
		}
	}
	return hs, nil
}

// seats finds out who keeps a key: from the own leaf set if it lies there, else from
// several others.
func (d *Directory) seats(t *task.T, key id.ID) (seats, error) {
	if !d.ep.Ready() {
		return seats{}, ErrNotReachable
	}
	k := d.cfg.Replicas
	for more := spare; more >= 0; more-- { // at the edge of what this node knows there may be none to spare
		if set := d.ep.ReplicaSet(key, k+more); len(set) > 0 {
			return seats{of: min(k, len(set)), nodes: set}, nil
		}
	}
	nodes, err := d.askAround(t, key)
	return seats{of: k, nodes: nodes}, err
}

// vote is what the node in one seat said.
type vote struct {
	from *peer.Handle
	msg  wire.Message
	err  error // instead of msg
}

// poll asks the holders of a key until enough (which may be nil) says that the votes so far
// will do. A seat whose node cannot be reached goes to the next candidate: invented
// nodes, and dead ones, keep nobody from voting. A node that is silent keeps its seat. At
// most s.of votes come back. ask makes the question; check says whether an answer can be
// believed.
//
// Without enough all are asked at once. With it a majority is, as it will do if it
// agrees; the others once it does not, or is slow.
func (d *Directory) poll(t *task.T, s seats, ask func() wire.Message, check func(q wire.Message, h *peer.Handle, m wire.Message, a kbr.Answer) error,
	enough func([]vote) bool) ([]vote, error) {
	var votes []vote
	left := s.nodes
	for round := 0; round < maxRounds && len(votes) < s.of; round++ {
		var to []*peer.Handle
		to, left = seated(left, votes, s.of-len(votes))
		if len(to) == 0 {
			break
		}
		w := &wave{first: len(to)}
		if enough != nil && round == 0 {
			w.first = min(len(to), record.Majority(s.of))
		}
		var same *equals
		if check != nil {
			same = new(equals)
		}
		slow := d.ep.After(hedge, w.release)
		rs, err := task.Gather(t, d.cfg.Ask+grace, len(to), func(i int, resolve func(wire.Message, error)) {
			w.start(func() { d.ask(to[i], ask(), same, check, resolve) })
		}, func(so []task.Result[wire.Message]) bool {
			if enough != nil && enough(append(slices.Clone(votes), answered(to, so, false)...)) {
				return true
			}
			if !promising(so[:w.first]) {
				w.release()
			}
			return false
		})
		slow.Stop()
		if err != nil {
			return nil, err
		}
		votes = append(votes, answered(to, rs, true)...)
		if enough != nil && enough(votes) {
			break
		}
	}
	return votes, nil
}

// hedge is how long the first nodes asked may take before the others are asked too.
const hedge = 200 * time.Millisecond

// wave starts the first of several questions at once and holds the others back.
type wave struct {
	first int
	begun int
	open  bool
	held  []func()
}

func (w *wave) start(ask func()) {
	if w.begun < w.first || w.open {
		w.begun++
		ask()
		return
	}
	w.held = append(w.held, ask)
}

// release starts those that were held back, and holds back none from now on.
func (w *wave) release() {
	held := w.held
	w.held, w.open = nil, true
	for _, ask := range held {
		ask()
	}
}

// promising reports whether some questions are still under way and none has failed.
func promising(so []task.Result[wire.Message]) bool {
	left := false
	for _, r := range so {
		if r.Done && r.Err != nil {
			return false
		}
		left = left || !r.Done
	}
	return left
}

// seated takes up to n candidates for the seats that are free. Another handle of a node
// that is asked now waits: it is tried if this one leads nowhere.
func seated(from []*peer.Handle, votes []vote, n int) (to, left []*peer.Handle) {
	for _, h := range from {
		switch {
		case slices.ContainsFunc(votes, func(v vote) bool { return v.from.ID == h.ID }):
		case len(to) < n && !contains(to, h.ID):
			to = append(to, h)
		default:
			left = append(left, h)
		}
	}
	return to, left
}

// maxRounds bounds the search for nodes that can be reached.
const maxRounds = 4

// answered turns results into votes, without those of nodes that could not be
// reached; silent also counts those that have not answered.
func answered(to []*peer.Handle, rs []task.Result[wire.Message], silent bool) []vote {
	var votes []vote
	for i, r := range rs {
		if errors.Is(r.Err, kbr.ErrUnreachable) || !r.Done && !silent {
			continue
		}
		votes = append(votes, vote{to[i], r.Value, r.Err})
	}
	return votes
}

// errUnproven: an answer that came through another node and is not signed.
var errUnproven = errors.New("directory: the answer came through another node and is not signed by the one asked")

// equals are answers to one question of several nodes: those of the same bytes are
// decoded once, and are one message. A nil one keeps nothing.
type equals struct {
	bytes [][]byte
	msgs  []wire.Message
}

func (e *equals) decode(b []byte) (wire.Message, error) {
	if e == nil {
		return msg.Messages.Decode(b)
	}
	for i := range e.bytes {
		if bytes.Equal(e.bytes[i], b) {
			return e.msgs[i], nil
		}
	}
	m, err := msg.Messages.Decode(b)
	if err == nil {
		e.bytes, e.msgs = append(e.bytes, b), append(e.msgs, m)
	}
	return m, err
}

// ask asks one node, which may be this one.
func (d *Directory) ask(to *peer.Handle, q wire.Message, same *equals, check func(wire.Message, *peer.Handle, wire.Message, kbr.Answer) error, resolve func(wire.Message, error)) {
	if to.ID == d.ep.Self().ID {
		d.serve(asker{node: to.ID, origin: true}, q, func(m wire.Message, refused *kbr.RefusedError) {
			if refused != nil {
				resolve(nil, refused)
				return
			}
			resolve(m, nil)
		})
		return
	}
	d.ep.Ask(to, d.encode(q), kbr.Options{Timeout: d.cfg.Ask}, func(a kbr.Answer, err error) {
		if err != nil {
			resolve(nil, err)
			return
		}
		m, err := same.decode(a.Payload)
		if err == nil && check != nil {
			err = check(q, to, m, a)
		}
		if err != nil {
			d.stats.BadInput++
			resolve(nil, err)
			return
		}
		resolve(m, nil)
	})
}

// encode is for the directory's own questions, which fit.
func (d *Directory) encode(m wire.Message) []byte {
	b, err := msg.Messages.Encode(m)
	if err != nil {
		panic(err) // a bug: questions have limits far below a frame
	}
	return b
}
