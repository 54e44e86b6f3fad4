package past

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// manyPerToken is how many files of one PutMany count as much as one message of a neighbour. They
// have a write and a receipt's signature in common, which are most of what one file costs, and
// from an honest owner his signature too. Who signs each alone can have this node verify
// manyPerToken signatures for a token in place of one: at Config.PeerWrites' 100 tokens a second that
// is 800, a twentieth of a processor, and each that is right has been paid for.
const manyPerToken = 8

// newFile is one of several files that are taken at once.
type newFile struct {
	number int // among those in the question
	object id.Hash
	w      written
	entry  *entry
	code   uint16 // of a refusal, 0: it is on the disk
}

// onPutMany takes several new files with one write and one signature. What is not as simple as
// that is refused, and asked about alone.
func (p *Past) onPutMany(t *task.T, a asker, m *msg.PutMany) (wire.Message, uint16) {
	out := &msg.StoredMany{Codes: make([]uint16, len(m.Puts))}
	var files []*newFile
	var size int64
	defer func() {
		for _, f := range files {
			p.busy.Leave(f.object)
		}
	}()
	for i := range m.Puts {
		q := m.Put(i)
		if i > 0 && i%manyPerToken == 0 && a.node != p.ep.Self().ID && !p.writes.Take(a.node, p.ep.Now()) {
			for ; i < len(m.Puts); i++ {
				out.Codes[i] = msg.RefusedBusy
			}
			break
		}
		o := q.Cert.ID()
		code := msg.RefusedAlone
		// Else to know what its payment is worth may need answers of others, for which those behind it would wait.
		if p.shelf.find(o) == nil && (p.accounts == nil || p.rounds.Old()) {
			code = p.admit(t, q)
		}
		if code == 0 {
			code = p.mayTake(o, q.Cert)
		}
		if code == 0 && (p.busy.Held(o) || p.shelf.find(o) != nil || len(p.shelf.list)+len(files) >= p.cfg.MaxObjects || !p.takes(size+q.Cert.Size)) {
			code = msg.RefusedAlone
		}
		if out.Codes[i] = code; code != 0 {
			continue
		}
		p.busy.Hold(o)
		size += q.Cert.Size
		files = append(files, &newFile{number: i, object: o, w: written{kept: &kept{Cert: q.Cert}, fresh: true, content: q.Content, slip: p.slip(q.Payment)}})
	}
	rs, code := p.takeMany(t, files)
	if code != 0 {
		return nil, code
	}
	for _, f := range files {
		out.Codes[f.number] = f.code
	}
	if len(rs) > 0 {
		out.Time, out.Holder, out.Sig = rs[0].Time, rs[0].Holder, rs[0].Sig
	}
	return out, 0
}

// takeMany verifies files, writes those that are right, and signs their receipts.
func (p *Past) takeMany(t *task.T, files []*newFile) ([]*certificate.Receipt, uint16) {
	if len(files) == 0 {
		return nil, 0
	}
	cert, signer, v, st, ring, wall := p.cfg.Certificate(), p.cfg.Signer, p.cfg.Verifier, p.cfg.Store, p.cfg.Ring, p.ep.Wall()
	if cert == nil {
		return nil, msg.RefusedBusy
	}
	rs, err := task.Work(t, disk, func() ([]*certificate.Receipt, error) {
		var b store.Batch
		var of []certificate.Written
		for _, f := range files {
			c := f.w.kept.Cert
			if verified(c, f.w.content, ring, v) != nil {
				f.code = msg.RefusedInvalid
				continue
			}
			f.w.into(&b, f.object)
			f.entry = f.w.kept.entry(ring)
			of = append(of, certificate.Written{Object: f.object, Certificate: c.Hash(ring)})
		}
		if len(of) == 0 {
			return nil, nil
		}
		if err := st.Apply(&b); err != nil {
			return nil, err
		}
		return certificate.NewReceipts(ring, of, cert, signer, wall), nil
	})
	switch {
	case errors.Is(err, store.ErrFull):
		return nil, msg.RefusedFull
	case err != nil:
		return nil, msg.RefusedFailed
	}
	for _, f := range files {
		if f.code != 0 {
			p.stats.BadInput++
			continue
		}
		p.keep(f.entry)
		p.stats.Receipts++
	}
	return rs, 0
}
