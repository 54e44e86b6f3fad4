package client

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Large is a content that need not be in memory.
type Large struct {
	Size   int64       // more than MaxContent, at most certificate.MaxSize
	Chunks []byte      // the SHA-256 of its chunks of task.ChunkSize, one after another
	Source task.Source // gives the chunks, of several transfers at once
}

// InMemory returns how a content that is in memory is stored, which is there in chunks: its body,
// and if that is not the content itself, as it is too long for a message, the content as a Large.
// All chunks but the last have task.ChunkSize bytes. It hashes them.
func InMemory(chunks [][]byte) (body []byte, l *Large) {
	if len(chunks) == 1 && len(chunks[0]) <= MaxContent {
		return chunks[0], nil
	}
	var size int64
	for _, c := range chunks {
		sum := sha256.Sum256(c)
		body, size = append(body, sum[:]...), size+int64(len(c))
	}
	return body, &Large{Size: size, Chunks: body, Source: inMemory(chunks)}
}

// inMemory is a content in chunks.
type inMemory [][]byte

// ReadChunk implements task.Source.
func (m inMemory) ReadChunk(n int, _ []byte) ([]byte, error) { return m[n], nil }

const (
	// settling is how long a holder may take at most to say that it has all of a large object,
	// which goes to its disk before, at settleRate bytes a second at least.
	settling   = 60 * time.Second
	settleRate = 16 << 20
	// idle is how often nothing may arrive in a row before a holder is given up.
	idle = 3
	// slowest is the least rate at which a content is moved, in bytes a second.
	slowest = 16 << 10
)

// MoveTime bounds the moving of so many bytes.
func MoveTime(size int64) time.Duration {
	return min(5*time.Minute+time.Duration(size/slowest)*time.Second, task.MaxTransferTime)
}

// InsertLarge is Insert for a content that is moved chunk by chunk, straight to the nodes
// that keep it, at once to all but the first of them. What breaks off is taken up again where
// it was. File.Content is not used.
func (cl *Client) InsertLarge(t *task.T, f File, l Large, owner peer.Signer) (Stored, error) {
	if l.Size <= MaxContent || l.Size > certificate.MaxSize {
		return Stored{}, fmt.Errorf("%w: %d bytes, a large content has %d to %d", ErrTooLarge, l.Size, MaxContent+1, int64(certificate.MaxSize))
	}
	c := certificate.Certificate{
		Kind: certificate.File, Part: f.Part, Size: l.Size, Copies: uint8(min(max(f.Copies, 0), 255)),
	}
	if !f.Expires.IsZero() {
		c.Expires = f.Expires.UnixMilli()
	}
	return cl.insert(t, &Signed{Certificate: &c, body: l.Chunks, source: l.Source, owner: owner})
}

// StoreLarge is Store for a large object.
func (cl *Client) StoreLarge(t *task.T, c *certificate.Certificate, l Large) (Stored, error) {
	s := cl.storing(c, l.Chunks, l.Source)
	err := s.run(t)
	return s.done, err
}

// SettleTime is how long a holder may take to say that it has an object of so many bytes: a
// small one is not waited for much longer than another answer, as the holder may have died.
func (a *Asker) SettleTime(size int64) time.Duration {
	return min(a.timeout+time.Duration(size/settleRate)*time.Second, settling)
}

// ask asks nodes to store the object, and moves its chunks to those that lack them. Each
// answer is verified as it comes, while others are still on their way. With many it goes together
// with others that are stored now.
func (s *storing) ask(t *task.T, to []*peer.Handle, many bool) ([]task.Result[reply], error) {
	a, q := s.cl.asker, &question{Message: s.put}
	limit := a.timeout + Grace + work
	if s.source != nil {
		limit = MoveTime(s.put.Cert.Size) + idle*settling + work
	}
	return task.Gather(t, limit, len(to), func(i int, resolve func(reply, error)) {
		verified := func(m wire.Message, err error) { s.verify(m, err, resolve) }
		switch {
		case many:
			s.cl.post(to[i], s, resolve)
		case s.source == nil:
			a.askOne(to[i], q, a.timeout, verified)
		default:
			s.supply(to[i], 0, a.SettleTime(s.put.Cert.Size), verified)
		}
	}, nil)
}

// supply asks a node, moves what it says that it lacks, there or to the one that keeps it for
// it, and asks again, until it lacks nothing or nothing arrived too often in a row.
func (s *storing) supply(to *peer.Handle, failed int, wait time.Duration, resolve func(wire.Message, error)) {
	a := s.cl.asker
	a.AskFor(to, s.put, wait, func(m wire.Message, err error) {
		mv, lacks := m.(*msg.Move)
		if !lacks || failed == idle {
			resolve(m, err)
			return
		}
		part := mv.Part(s.put.Cert.Size)
		if part.Check() != nil {
			a.BadInput++
			resolve(nil, msg.ErrMessage)
			return
		}
		with := to
		if mv.To != nil { // who asks it in turn
			with, wait = mv.To, 2*a.SettleTime(s.put.Cert.Size)
		}
		again := func(moved bool) {
			if failed++; moved {
				failed, s.moved = 0, true
			}
			s.supply(to, failed, wait, resolve)
		}
		if with.ID == a.ep.Self().ID { // no node has a stream to itself
			s.cl.cfg.Keep(s.put.Cert.Size, s.put.Content, s.source, func(err error) {
				if err != nil {
					resolve(nil, err)
					return
				}
				again(false)
			})
			return
		}
		a.ep.Bulk(task.Transfer{
			With: with, Ticket: task.Ticket(mv.Ticket), Part: part, Source: s.source, Timeout: MoveTime(part.Bytes(len(part.Chunks))),
		}, func(m task.Moved) { again(m.Chunks > 0) })
	})
}
