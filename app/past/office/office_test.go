package office_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const number = 1

var (
	authority = standin.NewSigner(1, 0)
	ann       = standin.NewSigner(2, 1)
	ring      = peer.RingID(authority.Public())
	start     = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// disk is what a voter keeps over its death: no more than the rule wants.
type disk struct {
	life     uint64
	promised certificate.Term
	kept     *certificate.Version
	rivals   []*certificate.Version
}

// voter is a node that keeps one mutable object as the rule says, and nothing brings it the
// object but a root's word. It may be root, too.
type voter struct {
	town    *town
	node    *kbrtest.Node
	ep      kbr.Endpoint
	offices *office.Offices
	asker   *client.Asker
	cert    *peer.Certificate
	signer  *standin.Signer
	disk    *disk
}

// Serves implements office.Holder.
func (v *voter) Serves() bool { return true }

// Ruling implements office.Holder.
func (v *voter) Ruling(id.Hash) *certificate.Ruling {
	if v.disk.kept == nil {
		return nil
	}
	return v.disk.kept.Ruling
}

// Rivals implements office.Holder.
func (v *voter) Rivals(*task.T, id.Hash) ([]*certificate.Version, error) { return v.disk.rivals, nil }

// Away implements office.Holder: all are waited for.
func (v *voter) Away() (ids []id.ID) {
	there := v.ep.NeighborSet(len(v.town.voters))
	for _, o := range v.town.voters {
		if n := o.cert.Node; n != v.cert.Node && !client.Contains(there, n) {
			ids = append(ids, n)
		}
	}
	return ids
}

// Awaited implements office.Holder.
func (v *voter) Awaited() []id.ID { return v.Away() }

// Missed implements office.Holder.
func (v *voter) Missed() (counted, others []id.ID) { return nil, nil }

// Lost implements office.Holder.
func (v *voter) Lost(id.ID) bool { return false }

// Start implements kbr.App.
func (v *voter) Start(ep kbr.Endpoint) {
	v.ep = ep
	v.asker = client.NewAsker(ep, time.Second, func(q wire.Message, answer client.Reply) { answer(v.answer(q), 0) })
	v.offices = office.New(office.Config{
		Ring: ring, Signer: v.signer, Verifier: standin.Verifier{}, Ask: time.Second, Skew: time.Hour,
		Certificate: func() *peer.Certificate { return v.cert },
	}, ep, v.asker, v)
}

// Stop implements kbr.App.
func (v *voter) Stop() {}

// Update implements kbr.App.
func (v *voter) Update(*peer.Handle, bool) {}

// Deliver implements kbr.App.
func (v *voter) Deliver(d *kbr.Delivery) {
	d.Reply(msg.Encode(v.answer(decode(d.Payload))))
}

func decode(b []byte) wire.Message {
	m, err := msg.Decode(b)
	if err != nil {
		panic(err) // a bug of the root
	}
	return m
}

func (v *voter) answer(q wire.Message) wire.Message {
	d := v.disk
	switch m := q.(type) {
	case *msg.Prepare:
		if !d.promised.Before(m.Term) {
			return &msg.Higher{Term: d.promised}
		}
		d.promised = m.Term
		out := &msg.Promise{Life: d.life, Sure: true}
		if d.kept != nil {
			out.Cert, out.Content, out.Ruling = d.kept.Certificate, d.kept.Content, d.kept.Ruling
		}
		return out
	case *msg.Accept:
		switch {
		case m.Ruling.Term.Before(d.promised), d.kept != nil && !m.Ruling.Over(d.kept.Ruling):
			return &msg.Higher{Term: d.promised}
		case d.kept != nil && !d.kept.Ruling.Draft && (m.Ruling.Draft || !m.Ruling.Covers(d.kept.Ruling)):
			d.put(d.kept)
		}
		for _, h := range m.Ruling.Rivals() {
			if !d.has(h) {
				return &msg.Higher{Term: d.promised}
			}
		}
		d.promised, d.kept = m.Ruling.Term, &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
		return &msg.Accepted{Life: d.life}
	case *msg.Keep:
		d.put(&certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling})
		return &msg.Taken{}
	}
	return nil
}

// has reports whether a version is kept besides the current one.
func (d *disk) has(hash id.Hash) bool {
	return slices.ContainsFunc(d.rivals, func(v *certificate.Version) bool { return v.Ruling.Certificate == hash })
}

// put keeps a version besides the current one.
func (d *disk) put(v *certificate.Version) {
	if !d.has(v.Ruling.Certificate) {
		d.rivals = append(d.rivals, v)
	}
}

// town is some voters, and what was decided.
type town struct {
	t      *testing.T
	rng    *rand.Rand
	net    *kbrtest.Net
	voters []*voter
	name   client.Name
	made   map[uint64]string // what is known to be version v
	last   uint64
	tries  int
	lives  uint64 // of disks
	count  int    // of changes that were made
}

func newTown(t *testing.T, seed uint64, size int) *town {
	w := &town{t: t, rng: rand.New(rand.NewPCG(seed, 3)), net: kbrtest.New(kbrtest.Config{Seed: seed}), made: make(map[uint64]string)}
	t.Cleanup(w.net.Close)
	w.name = client.Name{Owner: ann.Public(), Part: certificate.Part{1}, Copies: 3}
	admission := peer.NewAdmission(authority, authority.Public(), start)
	for i := range size {
		v := &voter{town: w, signer: standin.NewSigner(3, uint64(i)), disk: &disk{life: uint64(i + 1)}}
		w.lives++
		v.cert = peer.NewCertificate(authority, admission, v.signer.Public(), peer.Salt{byte(i)}, start)
		v.node = w.net.Add(&peer.Handle{ID: v.cert.Node, Key: v.signer.Public(), Incarnation: 1}, kbr.Mount{Number: number, App: v})
		w.voters = append(w.voters, v)
	}
	w.net.Run(time.Second)
	return w
}

// serve lets a voter act as the root: it looks at what is current, and changes it. Nothing
// that was made may be missing, and nothing is made twice.
func (w *town) serve(v *voter) {
	w.tries++
	content, before, fresh := fmt.Sprint("content ", w.tries), w.last, w.rng.IntN(3) > 0
	mode := office.Mode(0)
	if fresh {
		mode = office.Fresh
	}
	err := v.node.Call(time.Minute, func(t *task.T) error {
		return v.offices.Serve(t, w.name.ID(), int(w.name.Copies), mode, func(of *office.Office) error {
			have := uint64(0)
			if c := of.Current(); c != nil {
				have = c.Certificate.Version
				w.see(have, string(c.Content))
			}
			if have < before && fresh {
				w.t.Errorf("version %d was current, and %d is", before, have)
			}
			c := (&certificate.Certificate{Kind: certificate.Mutable, Part: w.name.Part, Copies: w.name.Copies, Version: have + 1,
				Content: certificate.ContentHash([]byte(content)), Size: int64(len(content))}).Sign(ring, ann, start)
			if err := of.Decide(t, c, []byte(content), nil); err != nil {
				return err
			}
			w.see(have+1, content)
			w.count++
			return nil
		})
	})
	if err != nil && !errors.Is(err, office.ErrAway) && !errors.Is(err, office.ErrNotRoot) {
		w.t.Errorf("a root: %v", err)
	}
}

// see notes what is version v: a root says so who rules by a majority.
func (w *town) see(v uint64, content string) {
	if was, have := w.made[v]; have && was != content {
		w.t.Errorf("version %d is %q, and %q", v, was, content)
	}
	w.made[v], w.last = content, max(w.last, v)
}

// fault lets some voters see each other alone, of whom half may hear no ruling, and some die
// or come back.
func (w *town) fault() {
	var together []*kbrtest.Node
	size := int(w.name.Copies) + w.rng.IntN(len(w.voters)-int(w.name.Copies)+1)
	cut := w.rng.IntN(2) == 0
	for _, i := range w.rng.Perm(len(w.voters)) {
		v := w.voters[i]
		switch w.rng.IntN(12) {
		case 0:
			v.node.Kill()
		case 1, 2, 3, 4, 5, 6:
			v.raise()
		}
		v.node.OnDeliver = nil
		if len(together) < size {
			together = append(together, v.node)
			if cut && w.rng.IntN(2) == 0 {
				v.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					_, ruling := decode(d.Payload).(*msg.Accept)
					return ruling
				}
			}
		}
	}
	w.net.Partition(together)
	w.net.Run(time.Minute)
}

// raise lets a dead voter live again.
func (v *voter) raise() {
	if !v.node.Alive() {
		v.node = v.town.net.Restart(v.node, kbr.Mount{Number: number, App: v})
	}
}

// calm ends all faults, and a root must be able to act.
func (w *town) calm() {
	w.net.Heal()
	for _, v := range w.voters {
		v.raise()
		v.node.OnDeliver = nil
	}
	w.net.Run(time.Minute)
	before := w.count
	w.serve(w.root())
	if w.count == before {
		w.t.Error("in calm nothing is decided")
	}
}

// loseDisk takes a voter's disk away in calm: the others have what it had.
func (w *town) loseDisk() {
	w.calm()
	v := w.voters[w.rng.IntN(len(w.voters))]
	v.node.Kill()
	w.lives++
	v.disk = &disk{life: w.lives}
	w.calm()
}

// root is the living voter that is nearest to the object.
func (w *town) root() (root *voter) {
	key := w.name.ID().Place()
	for _, v := range w.voters {
		if v.node.Alive() && (root == nil || id.Closer(key, v.cert.Node, root.cert.Node)) {
			root = v
		}
	}
	return root
}

// TestOneBranch: while voters miss messages, are parted, die, come back and lose disks, so that the
// holders change again and again and much is left half done, what was decided stays, whoever
// is root; and in calm it goes on.
func TestOneBranch(t *testing.T) {
	simtest.Seeds(t, 40, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 6+int(seed%5))
		w.calm()
		for i := range 150 {
			if i%30 == 29 {
				w.loseDisk()
			}
			w.fault()
			for _, v := range w.voters {
				if v.node.Alive() {
					w.serve(v)
				}
			}
		}
		w.calm()
		if w.count < 5 {
			t.Errorf("%d changes were made", w.count)
		}
	})
}

// TestOneSaysHigher: a holder that says for ever, of whatever term, that it has promised a later one keeps the root from
// nothing: it does without that one, in a term that the liar has not driven up. So it is where the others would refuse
// such a term, as their clocks are behind the root's.
func TestOneSaysHigher(t *testing.T) {
	for what, says := range map[string]func(asked, allowed uint64) uint64{
		"ten more each time":          func(asked, _ uint64) uint64 { return asked + 10 },
		"as much as the clock allows": func(_, allowed uint64) uint64 { return allowed },
		"nearly that, and ever more":  func(asked, allowed uint64) uint64 { return max(asked, allowed-1000) + 10 },
	} {
		t.Run(what, func(t *testing.T) {
			w := newTown(t, 7, 5)
			root := w.root()
			root.node.SkewWall(10 * time.Second)
			liar := w.voters[0]
			if liar == root {
				liar = w.voters[1]
			}
			allowed := func(v *voter) uint64 { return uint64(v.ep.Wall().Add(time.Hour).UnixMilli()) }
			var said []uint64
			for _, v := range w.voters {
				v.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					m, ok := decode(d.Payload).(*msg.Prepare)
					switch {
					case ok && v == liar:
						said = append(said, says(m.Term.Count, allowed(root)))
						d.Reply(msg.Encode(&msg.Higher{Term: certificate.Term{Count: said[len(said)-1], Root: liar.cert.Node}}))
					case ok && m.Term.Count > allowed(v):
						d.Refuse(msg.RefusedClock, "")
					default:
						return false
					}
					return true
				}
			}
			for range 3 {
				if err := root.node.Call(time.Minute, func(t *task.T) error {
					return root.offices.Serve(t, w.name.ID(), int(w.name.Copies), office.Fresh, func(*office.Office) error { return nil })
				}); err != nil {
					t.Fatal(err)
				}
				if term := root.disk.promised.Count; len(said) == 0 || slices.Contains(said, term-1) {
					t.Errorf("the root is in office in term %d, the liar said %d", term, said)
				}
			}
		})
	}
}

// TestFewPromisedMore: in a time without a root a liar has led a minority to promise a term that is ahead of the root's
// time of day. The root has no majority without them, and gets into office all the same: the liar answers nothing any
// more; or it says so little that the root learns nothing by it, and in the end as much as would lead it too far.
func TestFewPromisedMore(t *testing.T) {
	for _, silent := range []bool{true, false} {
		for _, size := range []int{3, 5} {
			w := newTown(t, 8, size)
			w.name.Copies = uint8(size)
			root := w.root()
			root.node.SkewWall(10 * time.Second)
			others := slices.DeleteFunc(slices.Clone(w.voters), func(v *voter) bool { return v == root })
			liar, asked := others[0], 0
			allowed := func(v *voter) uint64 { return uint64(v.ep.Wall().Add(time.Hour).UnixMilli()) }
			for _, v := range others {
				v.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					m, ok := decode(d.Payload).(*msg.Prepare)
					switch {
					case v == liar && ok && !silent:
						n := m.Term.Count
						if asked++; asked%4 == 0 {
							n = allowed(root)
						}
						d.Reply(msg.Encode(&msg.Higher{Term: certificate.Term{Count: n, Root: liar.cert.Node}}))
					case v == liar:
					case ok && m.Term.Count > allowed(v):
						d.Refuse(msg.RefusedClock, "")
					default:
						return false
					}
					return true
				}
			}
			led := others[1 : 1+(size-1)/2]
			for _, v := range led {
				v.disk.promised = certificate.Term{Count: uint64(v.ep.Wall().Add(30 * time.Minute).UnixMilli()), Root: liar.cert.Node}
			}
			for n := range 2 {
				if w.serve(root); w.count != n+1 {
					t.Errorf("of %d holders %d have promised more, and the liar is silent, %t: %d changes of %d were made", size, len(led), silent, w.count, n+1)
				}
			}
		}
	}
}

// TestSittingsBounded: as many roots as there may be are remembered, also when one of them is heard of once more.
func TestSittingsBounded(t *testing.T) {
	s := make(office.Sittings)
	object := func(n int) id.Hash { return id.HashOf("an object", uint64(n)) }
	most := 0
	for ; len(s) == most; most++ {
		s.Note(object(most), id.ID{}, 0)
	}
	clear(s)
	for n := range most - 1 {
		s.Note(object(n), id.ID{}, 0)
	}
	if s.Note(object(0), id.ID{}, 0); len(s) != most-1 {
		t.Errorf("%d roots are remembered, want %d", len(s), most-1)
	}
}
