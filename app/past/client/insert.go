package client

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// File is a file that is to be stored.
type File struct {
	Part    certificate.Part // see certificate.NamePart
	Content []byte           // at most MaxContent bytes; encrypted, if it is private
	Copies  int              // k, 1 to certificate.MaxCopies
	Expires time.Time        // the zero time: it lives until it is reclaimed
	// Pays is how many bytes are paid for, if more than it has: files of one size, of one
	// owner and name part, can be paid for ahead, and so need not wait for it.
	Pays int64
}

// certificate is that of the file, without what signing adds. The error is ErrTooLarge.
func (f File) certificate() (*certificate.Certificate, error) {
	if len(f.Content) > MaxContent {
		return nil, ErrTooLarge
	}
	c := &certificate.Certificate{
		Kind: certificate.File, Part: f.Part, Size: int64(len(f.Content)), Copies: uint8(min(max(f.Copies, 0), 255)),
	}
	if !f.Expires.IsZero() {
		c.Expires = f.Expires.UnixMilli()
	}
	return c, nil
}

// Stored says where an object is.
type Stored struct {
	Certificate *certificate.Certificate
	// Receipts of the holders: of k different certified nodes, or of all that there are,
	// where the ring has fewer. The rest of k is made when more nodes join.
	Receipts []*certificate.Receipt
}

// Insert stores a file for an owner, under an id that is new each time (PAST, 2.1). It
// returns when k nodes, or all of a smaller ring, have the file on their disks. It tries
// for three times Config.Patience. Where there is no room around the file's place it is
// undone and goes to another place, several times (PAST, 3.4).
//
// Errors: ErrTooLarge, certificate.ErrCertificate (a field is out of its range), ErrFull
// (nothing of the file is kept), a *TooFewError, task.ErrStopped.
func (cl *Client) Insert(t *task.T, f File, owner peer.Signer) (Stored, error) {
	c, err := f.certificate()
	if err != nil {
		return Stored{}, err
	}
	return cl.insert(t, &Signed{Certificate: c, body: f.Content, owner: owner, pays: f.Pays})
}

// insert signs and stores a new file, with other salts where there is no room for it.
func (cl *Client) insert(t *task.T, f *Signed) (Stored, error) {
	for try := 0; ; try++ {
		signed, left, err := cl.salted(t, f, cl.signTogether)
		if err != nil {
			return Stored{}, err
		}
		done, full, err := cl.once(t, signed, try == cl.cfg.Salts)
		left()
		if !full || try == cl.cfg.Salts {
			return done, err
		}
	}
}

// Signed is a file with an id that is not stored yet.
type Signed struct {
	Certificate *certificate.Certificate
	body        []byte
	source      task.Source // of a large one
	owner       peer.Signer
	pays        int64            // bytes, or those that it has
	payment     *voucher.Payment // nil: it is not paid for yet
}

// Sign gives a file a new id, under which InsertSigned stores it: for those who need the id of
// one object to make the next, and do not want to wait. Errors are those of Insert that
// come before anybody is asked.
func (cl *Client) Sign(t *task.T, f File, owner peer.Signer) (*Signed, error) {
	c, err := f.certificate()
	if err != nil {
		return nil, err
	}
	signed, _, err := cl.salted(t, &Signed{Certificate: c, body: f.Content, owner: owner, pays: f.Pays}, cl.signAlone)
	return signed, err
}

// InsertSigned is Insert under the one id that the file was signed for. Where there is no room
// around its place the error is ErrFull, and nothing of it is kept.
func (cl *Client) InsertSigned(t *task.T, f *Signed) (Stored, error) {
	done, _, err := cl.once(t, f, true)
	return done, err
}

// once is InsertSigned, and tells whether there was no room. With last no other place will be
// tried: there may be few nodes here that offer anything.
func (cl *Client) once(t *task.T, f *Signed, last bool) (done Stored, full bool, err error) {
	s := cl.storing(f.Certificate, f.body, f.source)
	s.salted, s.last, s.pays, s.put.Payment = true, last, max(f.pays, f.Certificate.Size), f.payment
	err = s.run(t)
	if !s.full {
		return s.done, false, err
	}
	if err := cl.undo(t, s, f.owner); err != nil {
		return Stored{}, false, err
	}
	return Stored{}, true, ErrFull
}

// salted signs a file under a new id. left is to be called when it is stored, or will not be.
func (cl *Client) salted(t *task.T, f *Signed, sign func(*task.T, *certificate.Certificate, []byte, peer.Signer) (*certificate.Certificate, func(), error)) (_ *Signed, left func(), err error) {
	c, s := *f.Certificate, *f
	if p, ok := cl.prepaid(&c, max(f.pays, c.Size), f.owner); ok {
		c.Salt, s.payment = p.salt, p.payment
	} else {
		c.Salt, s.payment = cl.salt(), nil
	}
	if f.source != nil {
		sign = cl.signAlone
	}
	s.Certificate, left, err = sign(t, &c, f.body, f.owner)
	return &s, left, err
}

// signAlone is sign for who waits for nobody.
func (cl *Client) signAlone(t *task.T, c *certificate.Certificate, body []byte, owner peer.Signer) (*certificate.Certificate, func(), error) {
	signed, err := cl.sign(t, c, body, owner)
	return signed, func() {}, err
}

// undo gives back what a file that found no place has left behind.
func (cl *Client) undo(t *task.T, s *storing, owner peer.Signer) error {
	if len(s.done.Receipts) == 0 {
		return nil
	}
	ring, wall := cl.cfg.Ring, cl.asker.ep.Wall()
	r, err := task.Work(t, work, func() (*certificate.Reclaim, error) {
		return certificate.NewReclaim(ring, s.put.Cert, owner, wall), nil
	})
	if err != nil {
		return err
	}
	if err := cl.reclaimOnce(t, r); errors.Is(err, task.ErrStopped) {
		return err
	}
	return cl.refund(t, s.object) // who was not reached hears of it from the others
}

// InsertBlock stores content under its own hash, for a time of at most
// certificate.MaxLease; whoever stores it again prolongs that. It is Insert otherwise.
func (cl *Client) InsertBlock(t *task.T, content []byte, copies int, expires time.Time, owner peer.Signer) (Stored, error) {
	if len(content) > MaxContent {
		return Stored{}, ErrTooLarge
	}
	signed, err := cl.sign(t, &certificate.Certificate{
		Kind: certificate.Block, Size: int64(len(content)), Copies: uint8(min(max(copies, 0), 255)), Expires: expires.UnixMilli(),
	}, content, owner)
	if err != nil {
		return Stored{}, err
	}
	return cl.Store(t, signed, content)
}

func (cl *Client) salt() (s peer.Salt) {
	h := id.HashOf("salt", cl.asker.ep.Rand().Uint64(), cl.asker.ep.Rand().Uint64(), cl.asker.ep.Self().ID, int64(cl.asker.ep.Now()))
	copy(s[:], h[:])
	return s
}

// sign signs a certificate for a body.
func (cl *Client) sign(t *task.T, c *certificate.Certificate, body []byte, owner peer.Signer) (*certificate.Certificate, error) {
	ring, wall := cl.cfg.Ring, cl.asker.ep.Wall()
	return task.Work(t, work, func() (*certificate.Certificate, error) {
		whole := *c
		whole.Content = c.BodyHash(body)
		s := whole.Sign(ring, owner, wall)
		return s, errors.Join(s.Check(), s.Fits(body))
	})
}

// Store stores an object with a certificate that was signed before: to try again, to
// renew the end of its life, or to make its copies anew. It is Insert otherwise; errors
// besides are an *ExistsError, ErrReclaimed and certificate.ErrContent.
func (cl *Client) Store(t *task.T, c *certificate.Certificate, content []byte) (Stored, error) {
	s := cl.storing(c, content, nil)
	err := s.run(t)
	return s.done, err
}

func (cl *Client) storing(c *certificate.Certificate, body []byte, source task.Source) *storing {
	return &storing{cl: cl, put: &msg.Put{Cert: c, Content: body}, source: source, pays: c.Size}
}

// run stores the object. With salted the certificate was signed here for an id that nobody
// else knows: it gives up as soon as one of the holders has no room, as there are other salts.
func (s *storing) run(t *task.T) error {
	cl, c, body := s.cl, s.put.Cert, s.put.Content
	ring, v := cl.cfg.Ring, cl.cfg.Verifier
	if len(body) > MaxContent || c.Large() != (s.source != nil) {
		return ErrTooLarge
	}
	if !s.salted {
		if _, err := task.Work(t, work, func() (struct{}, error) {
			return struct{}{}, errors.Join(c.Verify(ring, v), c.Fits(body))
		}); err != nil {
			return err
		}
	}
	s.object, s.hash, s.done = c.ID(), c.Hash(ring), Stored{Certificate: c}
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	for {
		s.moved = false
		err := s.try(t)
		if s.moved {
			end = cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
		}
		if err == nil {
			cl.cfg.Verified(c, s.put.Content, 0)
		}
		if err == nil || s.final != nil || s.full || errors.Is(err, task.ErrStopped) {
			return err
		}
		wait := cl.asker.some()
		if !cl.asker.ep.Now().Add(wait).Before(end) {
			return &TooFewError{Stored: s.done, Why: err}
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// storing is one insert under way.
type storing struct {
	cl     *Client
	put    *msg.Put
	object id.Hash
	hash   id.Hash // of the certificate
	done   Stored
	final  error       // an outcome that another try would not change
	waits  int         // how often the root was too busy to decide
	salted bool        // there are other places for this content
	last   bool        // none of which will be tried after this one
	full   bool        // and one of the holders here has no room
	source task.Source // of a large object
	moved  bool        // chunks of it were, in this try
	tried  bool        // once, at least
	paid   int         // how often it was paid for
	pays   int64       // for so many bytes
}

// maxWaits is how often a busy root is waited for: who asks another first may get a
// receipt for one content, while the root decides for a different one.
const maxWaits = 5

// try asks those of the nearest nodes that have not stored the object yet. The root is
// asked first, alone: of two contents for one id it decides. For an id that was drawn here a
// moment ago there are no two, and all are asked at once.
func (s *storing) try(t *task.T) error {
	if err := s.pay(t); err != nil {
		return err
	}
	k := int(s.put.Cert.Copies)
	first := !s.tried && s.put.Cert.Batch != nil
	s.tried = true
	near, err := s.near(t, first)
	if err != nil {
		return err
	}
	want, why, elsewhere, most := min(k, len(near)), ErrNotReachable, s.salted && len(near) > k, len(near)
	for len(near) > 0 && len(s.done.Receipts) < want {
		var to []*peer.Handle
		to, near = s.next(near, want)
		rs, err := s.ask(t, to, first)
		if err != nil {
			return err
		}
		first = false
		for i, r := range rs {
			err := s.count(to[i], r)
			s.full = s.full || elsewhere && errors.Is(err, ErrFull)
			if errors.Is(err, errOffersNone) {
				most--
				want = min(k, most)
			}
			switch {
			case s.final != nil:
				return s.final
			case msg.Refusal(r.Err) == msg.RefusedBusy && !s.salted && len(s.done.Receipts) == 0 && s.waits < maxWaits:
				s.waits++
				return err
			case err != nil:
				why = err
			}
		}
		if s.full = s.full || elsewhere && !s.last && want <= k/2; s.full {
			return ErrFull
		}
	}
	switch {
	case want == 0:
		s.final = ErrFull // who offers nothing will not do so in a minute
		return s.final
	case len(s.done.Receipts) < want:
		return why
	}
	s.settle()
	return nil
}

// near returns the nodes nearest to the object. What was named a moment ago does for the first try
// of one of many.
func (s *storing) near(t *task.T, first bool) ([]*peer.Handle, error) {
	place, k := s.object.Place(), int(s.put.Cert.Copies)
	if first {
		return s.cl.nearby(t, place, k)
	}
	return s.cl.asker.Near(t, place, k)
}

// next takes nodes to be asked: as many as receipts are missing, but one alone at first,
// unless the salt is new.
func (s *storing) next(near []*peer.Handle, want int) (to, left []*peer.Handle) {
	n := want - len(s.done.Receipts)
	if len(s.done.Receipts) == 0 && !s.salted {
		n = 1
	}
	for len(to) < n && len(near) > 0 {
		if !s.has(near[0].ID) {
			to = append(to, near[0])
		}
		near = near[1:]
	}
	return to, near
}

func (s *storing) has(n id.ID) bool {
	for _, r := range s.done.Receipts {
		if r.Holder.Node == n {
			return true
		}
	}
	return false
}

// reply is what one node answered, good if what is signed in it is right.
type reply struct {
	wire.Message
	good bool
}

// verify resolves with a node's answer, when it is known whether its signatures are right.
func (s *storing) verify(m wire.Message, err error, resolve func(reply, error)) {
	ring, v, wall, object, cert := s.cl.cfg.Ring, s.cl.cfg.Verifier, s.cl.asker.ep.Wall(), s.object, s.hash
	var check func() error
	switch m := m.(type) {
	case *msg.Stored:
		check = func() error { return m.Receipt.Verify(ring, object, cert, wall, v) }
	case *msg.Exists:
		check = func() error { return m.Cert.Verify(ring, v) }
	}
	if err != nil || check == nil {
		resolve(reply{Message: m}, err)
		return
	}
	s.cl.asker.ep.Work(func() any { return check() == nil }, func(good any) { resolve(reply{m, good.(bool)}, nil) })
}

// count counts the answer of one node. It returns why the node did not store the object.
func (s *storing) count(from *peer.Handle, r task.Result[reply]) error {
	switch msg.Refusal(r.Err) {
	case msg.RefusedReclaimed:
		s.final = ErrReclaimed
		return ErrReclaimed
	case msg.RefusedFull:
		return ErrFull
	case msg.RefusedOffersNone:
		return errOffersNone
	case msg.RefusedClock:
		return ErrClock
	case msg.RefusedUnpaid:
		s.unpaid()
		return ErrNotReachable
	}
	switch m := r.Value.Message.(type) {
	case *msg.Stored:
		if r.Value.good && m.Receipt.Holder.Node == from.ID && !s.has(from.ID) && !s.cl.expelled(m.Receipt) {
			s.done.Receipts = append(s.done.Receipts, m.Receipt)
			return nil
		}
	case *msg.Exists:
		if r.Value.good && m.Cert.ID() == s.object && m.Cert.Content != s.put.Cert.Content {
			s.final = &ExistsError{Current: m.Cert}
			return s.final
		}
	default:
		return ErrNotReachable
	}
	s.cl.asker.BadInput++
	return ErrNotReachable
}
