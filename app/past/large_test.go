package past_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

const mib = task.ChunkSize

// big is a content of some chunks, as an owner has it.
type big struct {
	bytes   []byte
	outline store.Outline
}

func newBig(size int) *big {
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)})
	rng.Read(b)
	return &big{b, store.OutlineOf(b)}
}

func (b *big) large() past.Large {
	return past.Large{Size: int64(len(b.bytes)), Chunks: b.outline.Bytes(),
		Source: store.ReaderSource{Reader: bytes.NewReader(b.bytes), Size: int64(len(b.bytes))}}
}

func (m *member) insertLarge(b *big, copies int) (s past.Stored, err error) {
	err = m.node.Call(time.Hour, func(t *task.T) (err error) {
		s, err = m.past.InsertLarge(t, file("", copies), b.large(), ann)
		return err
	})
	return s, err
}

// fetch reads chunks of an object, all of them without a part.
func (m *member) fetch(o id.Hash, chunks ...int) (content []byte, err error) {
	err = m.node.Call(time.Hour, func(t *task.T) error {
		f, err := m.past.Lookup(t, o)
		if err != nil {
			return err
		}
		part := task.Whole(f.Certificate.Size)
		if chunks != nil {
			part.Chunks = chunks
		}
		into := new(bytes.Buffer)
		outline, err := store.ParseOutline(f.Certificate.Size, f.Chunks)
		if err != nil || f.Content != nil {
			return fmt.Errorf("what was found of a large object: %w, content of %d bytes", err, len(f.Content))
		}
		err = m.past.Fetch(t, f, part, store.WriterSink{Outline: outline, Writer: into})
		content = into.Bytes()
		return err
	})
	return content, err
}

// mustHold fails unless just these nodes have the blob, whole.
func (w *world) mustHold(b *big, want []*member) {
	w.t.Helper()
	for _, m := range w.live() {
		s, err := m.disk.Blobs().Stat(b.outline.Hash())
		if has := err == nil && !s.Damaged; has != slices.Contains(want, m) {
			w.t.Errorf("%s has the blob: %v (%v)", m.node.Self(), has, err)
		}
	}
}

// A large content goes to its replicas chunk by chunk, and whoever reads it, or a part of
// it, gets what was stored.
func TestLarge(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 1}, nil)
	for _, size := range []int{certificate.MaxInline + 1, mib, 3*mib + 777} {
		b := newBig(size)
		s, err := w.members[0].insertLarge(b, 3)
		if err != nil {
			t.Fatal(err)
		}
		w.checkStored(s)
		o := s.Certificate.ID()
		near := w.nearest(o, 3)
		w.mustHold(b, near)
		for _, m := range []*member{near[0], w.outside(near)} {
			if got, err := m.fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
				t.Errorf("%d bytes: %d came, %v", size, len(got), err)
			}
		}
	}
	b := newBig(3*mib + 777)
	s, err := w.nearest(id.Hash{}, 1)[0].insertLarge(b, 3) // the same content under another id
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.members[5].fetch(s.Certificate.ID(), 1, 3)
	if want := slices.Concat(b.bytes[mib:2*mib], b.bytes[3*mib:]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("a part: %d bytes, %v", len(got), err)
	}
	if _, err := w.members[5].fetch(s.Certificate.ID(), 4); !errors.Is(err, task.ErrPart) {
		t.Errorf("a chunk that is not there: %v", err)
	}
	w.whole(true)
}

// What is no large content is refused before anybody is asked.
func TestLargeRefused(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 1}, nil)
	small, wrong := newBig(100), newBig(2*mib).large()
	wrong.Chunks = wrong.Chunks[1:]
	for _, c := range []struct {
		large past.Large
		err   error
	}{
		{small.large(), past.ErrTooLarge}, {past.Large{Size: certificate.MaxSize + 1}, past.ErrTooLarge}, {wrong, certificate.ErrContent},
	} {
		err := w.members[0].node.Call(time.Hour, func(t *task.T) error {
			_, err := w.members[0].past.InsertLarge(t, file("", 3), c.large, ann)
			return err
		})
		if !errors.Is(err, c.err) {
			t.Errorf("%d bytes: %v, want %v", c.large.Size, err, c.err)
		}
	}
}

// Streams break at random, in both directions, and nodes die in the middle of them: what
// was acknowledged is whole on its holders, and can be read; nothing begins anew that has
// arrived.
func TestLargeOverBreaks(t *testing.T) {
	simtest.Seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newWorld(t, 8, kbrtest.Config{Seed: seed, Loss: 0.05}, nil)
		rng := rand.New(rand.NewPCG(seed, 7))
		b := newBig(4*mib + 5)
		moved := make(map[id.ID]int) // chunks that came to a node
		broken := errors.New("the stream breaks, on purpose")
		for _, m := range w.members {
			m.node.OnBulk = func(tr *task.Transfer, _ int, _ []byte) error {
				if rng.IntN(4) == 0 {
					return broken
				}
				if tr.Sink != nil {
					moved[m.node.Self().ID]++
				}
				return nil
			}
		}
		s, err := w.members[0].insertLarge(b, 4)
		if err != nil {
			t.Fatal(err)
		}
		w.checkStored(s)
		o := s.Certificate.ID()
		for node, n := range moved {
			if n > 5 {
				t.Errorf("%d chunks came to %s, of 5", n, node.Short())
			}
		}
		if got, err := w.members[7].fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
			t.Errorf("read: %d bytes, %v", len(got), err)
		}
		w.net.Run(time.Hour) // where a node was given up another has a copy that it need not keep
		w.mustHold(b, w.nearest(o, 4))
		w.whole(true)
	})
}

// A holder that dies in the middle of a put goes on, once it is back, with what it has on
// its disk.
func TestLargeOverCrash(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 3}, nil)
	b := newBig(4 * mib)
	root := w.nearest(id.HashOf("x"), 5)[4]
	var victim *member
	chunks := 0
	for _, m := range w.members {
		m.node.OnBulk = func(tr *task.Transfer, n int, _ []byte) error {
			if tr.Sink == nil {
				return nil
			}
			if victim == nil && n == 2 && m != root {
				victim = m
				w.net.Step() // not in the middle of its own input
				m.node.Kill()
			}
			if victim == m {
				chunks++
			}
			return nil
		}
	}
	s, err := root.insertLarge(b, 5)
	if victim == nil {
		t.Fatalf("nobody died: %v", err)
	}
	victim.restart()
	chunks = 0
	victim.node.OnBulk = func(*task.Transfer, int, []byte) error { chunks++; return nil }
	if err != nil {
		if s, err = root.storeLarge(s.Certificate, b); err != nil {
			t.Fatal(err)
		}
	}
	w.net.Run(5 * time.Minute)
	w.mustHold(b, w.live())
	if chunks == 0 || chunks > 2 {
		t.Errorf("%d chunks came after the crash, two were missing", chunks)
	}
	w.whole(true)
}

func (m *member) storeLarge(c *certificate.Certificate, b *big) (s past.Stored, err error) {
	err = m.node.Call(time.Hour, func(t *task.T) (err error) {
		s, err = m.past.StoreLarge(t, c, b.large())
		return err
	})
	return s, err
}

// Replicas are made anew in bulk where holders die, from what is left.
func TestLargeUpkeep(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 4}, func(c *past.Config) { c.Absence = time.Minute })
	b := newBig(2*mib + 9)
	s, err := w.members[0].insertLarge(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	o := s.Certificate.ID()
	for _, m := range w.nearest(o, 2) {
		m.node.Kill()
	}
	w.net.Run(10 * time.Minute)
	w.mustHold(b, w.nearest(o, 3))
	w.whole(true)
}

// A chunk that rots is found when it is read, and fetched anew from another holder, it
// alone; the reader is given the right one meanwhile.
func TestLargeDamage(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 5}, nil)
	b := newBig(4 * mib)
	s, err := w.members[0].insertLarge(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	o := s.Certificate.ID()
	near := w.nearest(o, 3)
	came := 0
	for _, m := range near {
		m.disk.Blobs().Rot(b.outline.Hash(), 2)
		m.node.OnBulk = func(tr *task.Transfer, n int, _ []byte) error {
			if tr.Sink != nil {
				came++
			}
			return nil
		}
		if m == near[1] {
			break // the third one is sound
		}
	}
	if got, err := w.outside(near).fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
		t.Fatalf("read: %d bytes, %v", len(got), err)
	}
	for _, m := range near[:2] {
		if _, err := m.disk.Blobs().Scrub(store.Mark{}, 1<<40); err != nil {
			t.Fatal(err)
		}
		m.lookup(o)
	}
	w.net.Run(5 * time.Minute)
	w.mustHold(b, near)
	if came != 2 {
		t.Errorf("%d chunks were fetched anew, two were damaged", came)
	}
	w.whole(true)
}

// A holder that gives out other chunks is not believed, by readers and by other holders.
func TestLargeLiar(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 6}, nil)
	b := newBig(3 * mib)
	s, err := w.members[0].insertLarge(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	o := s.Certificate.ID()
	near := w.nearest(o, 3)
	for _, m := range near[:2] {
		m.node.OnBulk = func(tr *task.Transfer, n int, content []byte) error {
			if tr.Source != nil && n == 1 {
				content[77] ^= 1
			}
			return nil
		}
	}
	reader := w.outside(near)
	if got, err := reader.fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
		t.Errorf("read: %d bytes, %v", len(got), err)
	}
	if reader.past.Stats().BadInput == 0 {
		t.Error("nobody was found to lie")
	}
}

// With its record a content goes: when the owner reclaims it, and not before the last of
// two objects that have it. What no record speaks of goes in time.
func TestLargeGoes(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 7}, func(c *past.Config) { c.Sync = time.Minute })
	b := newBig(2 * mib)
	var objects []id.Hash
	for range 2 {
		s, err := w.members[0].insertLarge(b, 3)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, s.Certificate.ID())
	}
	if err := w.members[1].reclaim(objects[0], ann); err != nil {
		t.Fatal(err)
	}
	w.mustHold(b, w.live())
	if err := w.members[1].reclaim(objects[1], ann); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	w.mustHold(b, nil)

	stray := newBig(mib + 1)
	blobs := w.members[0].disk.Blobs()
	if _, err := store.PutBlob(blobs, stray.bytes); err != nil {
		t.Fatal(err)
	}
	d, err := blobs.Create(b.outline)
	if err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	w.mustHold(stray, w.members[:1]) // a put may go on
	w.net.Run(30 * time.Minute)
	w.mustHold(stray, nil)
	if left, err := blobs.Drafts(); err != nil || len(left) > 0 {
		t.Errorf("drafts are left: %v, %v", left, err)
	}
}

// Nodes without blobs keep no large objects, and say so.
func TestLargeWithoutBlobs(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 8}, func(c *past.Config) { c.Blobs, c.Patience = nil, 5*time.Second })
	if _, err := w.members[0].insertLarge(newBig(mib), 3); !errors.Is(err, past.ErrTooFew) {
		t.Errorf("stored: %v", err)
	}
}

// TestLargeHostile is rows 33 to 35 of the hostile input, for contents that are moved: what
// is no certificate for its body is refused at once, nothing but the right chunks is kept,
// and who never comes holds up nobody.
func TestLargeHostile(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 6, kbrtest.Config{Seed: 9}, nil)
	b := newBig(3 * mib)
	small := sign(w, 7, "small", 3)
	cert := func(size int64) *certificate.Certificate {
		return (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{8}, Copies: 3, Size: size, Content: b.outline.Hash()}).Sign(ring, ann, w.now())
	}
	good := cert(3 * mib)
	near := w.nearest(good.ID(), 3)
	evil, root := w.outside(near), near[0]
	other := newBig(3*mib - 1)
	for name, q := range map[string][]byte{
		"a hash too few":                past.AskPut(good, b.outline.Bytes()[32:]),
		"no body":                       past.AskPut(good, nil),
		"the hashes of another content": past.AskPut(good, other.outline.Bytes()),
		"another size":                  past.AskPut(cert(3*mib-1), b.outline.Bytes()),
		"more than an object may have":  past.AskPut(cert(certificate.MaxSize+1), b.outline.Bytes()),
		"chunks of an unknown object":   past.AskFetch(good.ID()),
		"a content that pretends to be a large one's hashes": past.AskPut(cert(96), b.outline.Bytes()),
	} {
		if _, err := ask(evil, root, q); !refused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := root.store(small, "small"); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(evil, root, past.AskFetch(small.ID())); !refused(err) {
		t.Errorf("chunks of a small object: %v", err)
	}

	// A ticket that is never used.
	if _, err := ask(evil, root, past.AskPut(good, b.outline.Bytes())); err != nil {
		t.Fatal(err)
	}
	w.net.Run(task.TicketTime + time.Second)
	// Chunks that are not the content's.
	for _, m := range w.members {
		m.node.OnBulk = func(tr *task.Transfer, _ int, content []byte) error {
			if tr.Sink != nil {
				content[5] ^= 1
			}
			return nil
		}
	}
	if _, err := evil.storeLarge(good, b); !errors.Is(err, past.ErrTooFew) {
		t.Errorf("other chunks were stored: %v", err)
	}
	w.mustHold(b, []*member{evil}) // its own copy came over no stream
	if root.past.Stats().BadInput == 0 {
		t.Error("nobody counted the wrong chunks")
	}
	for _, m := range w.members {
		m.node.OnBulk = nil
	}
	w.net.Run(2 * time.Minute)
	if s, err := evil.storeLarge(good, b); err != nil {
		t.Error(err)
	} else {
		w.checkStored(s)
	}
}
