package shelf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	author   = standin.NewSigner(1, 1)
	founding = (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: strings.Repeat("t", entry.MaxTitle), Name: strings.Repeat("n", entry.MaxTitle)})}).Sign(author)
	room = founding.Hash()
)

// many is what f returns for the numbers from 0 on.
func many[T any](n int, f func(i uint64) T) (list []T) {
	for i := range n {
		list = append(list, f(uint64(i)))
	}
	return list
}

func hash(i uint64) id.Hash { return id.HashOf("test", i) }

// full is a head that has as much of everything as one may.
func full() *shelf.Head {
	tips := entry.Join(many(shelf.MaxTips, hash))
	return &shelf.Head{Founding: founding, Tips: tips, Packed: tips,
		Packs: many(shelf.MaxPacks, func(i uint64) *shelf.Ref {
			return &shelf.Ref{Object: hash(i), Key: peer.Secret(hash(i)), Size: shelf.MaxObject, Entries: shelf.MaxEntries, Ends: 1 << 45}
		}),
		People: many(shelf.MaxPeople, func(i uint64) *shelf.Person {
			return &shelf.Person{Key: peer.Key(hash(i)), Name: strings.Repeat("n", entry.MaxTitle)}
		}),
		Next: many(shelf.MaxNext, func(i uint64) *shelf.Next {
			return &shelf.Next{Epoch: hash(i), Letters: hash(i), Ends: 1 << 45, Lacks: entry.MaxMembers}
		})}
}

// The fullest head fits an object that changes, and comes back as it was; nothing opens it with
// another key or as that of another room.
func TestFullHead(t *testing.T) {
	l := standin.NewLocker(1)
	s := &shelf.Shelf{Locker: l, Verifier: standin.Verifier{}}
	key := l.NewSecret()
	sealed := shelf.Lock(l, key, room[:], full())
	if len(sealed) > shelf.MaxContent {
		t.Errorf("a head of %d bytes, at most %d", len(sealed), shelf.MaxContent)
	}
	h, err := shelf.Open(s, room, key, sealed)
	if err != nil || !h.Same(full()) {
		t.Errorf("a head comes back changed: %v", err)
	}
	other := hash(1)
	_, err = shelf.Open(s, room, l.NewSecret(), sealed)
	damaged(t, "another key", err)
	_, err = shelf.Open(s, other, key, shelf.Lock(l, key, other[:], full()))
	damaged(t, "another room's", err)
	unsigned := full()
	f := *founding
	f.Sig = make([]byte, peer.SignatureSize)
	unsigned.Founding = &f
	_, err = shelf.Open(s, room, key, shelf.Lock(l, key, room[:], unsigned))
	damaged(t, "a founding that nobody signed", err)
}

func damaged(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, shelf.ErrDamaged) {
		t.Errorf("%s: %v, want ErrDamaged", what, err)
	}
}

// What breaks a limit of a head is refused.
func TestBadHeads(t *testing.T) {
	l := standin.NewLocker(1)
	s := &shelf.Shelf{Locker: l, Verifier: standin.Verifier{}}
	key := l.NewSecret()
	for name, spoil := range map[string]func(h *shelf.Head){
		"no founding":      func(h *shelf.Head) { h.Founding = nil },
		"another entry":    func(h *shelf.Head) { h.Founding = &entry.Entry{Kind: entry.WordsKind} },
		"many packs":       func(h *shelf.Head) { h.Packs = append(h.Packs, h.Packs[0]) },
		"no pack":          func(h *shelf.Head) { h.Packs[3] = nil },
		"pack without key": func(h *shelf.Head) { h.Packs[3].Key = peer.Secret{} },
		"pack of nothing":  func(h *shelf.Head) { h.Packs[3].Object = id.Hash{} },
		"large pack":       func(h *shelf.Head) { h.Packs[3].Size++ },
		"ends before 1970": func(h *shelf.Head) { h.Packs[3].Ends = -1 },
		"many people":      func(h *shelf.Head) { h.People = append(h.People, h.People[0]) },
		"nobody":           func(h *shelf.Head) { h.People[1].Key = peer.Key{} },
		"a name escapes":   func(h *shelf.Head) { h.People[1].Name = "y\x1b[2J" },
		"many ways":        func(h *shelf.Head) { h.Next = append(h.Next, h.Next[0]) },
		"letters of 1969":  func(h *shelf.Head) { h.Next[0].Ends = -1 },
		"a way to nothing": func(h *shelf.Head) { h.Next[0].Letters = id.Hash{} },
		"torn tips":        func(h *shelf.Head) { h.Tips = h.Tips[1:] },
		"many tips":        func(h *shelf.Head) { h.Packed = append(h.Packed, h.Packed[:32]...) },
	} {
		h := full()
		spoil(h)
		_, err := shelf.Open(s, room, key, shelf.Lock(l, key, room[:], h))
		damaged(t, name, err)
	}
	_, err := shelf.Open(s, room, key, nil)
	damaged(t, "nothing", err)
}

// Heads of two parts of the ring become one that has all of both; where that has no room for all
// packs, what is said to be packed stays true.
func TestJoin(t *testing.T) {
	a, b := full(), full()
	a.Packs, b.Packs = a.Packs[:10], b.Packs[5:20]
	a.Packed, b.Packed = a.Packed[:64], b.Packed[32:96]
	a.Tips, b.Tips = a.Packed, b.Packed
	a.Next, b.Next = a.Next[:2], b.Next[1:3]
	c := *a
	c.Join(b)
	if len(c.Packs) != 20 || len(c.Packed) != 96 || len(c.Tips) != 96 || len(c.Next) != 3 {
		t.Errorf("joined: %d packs, %d and %d bytes of tips, %d ways on", len(c.Packs), len(c.Packed), len(c.Tips), len(c.Next))
	}
	anew := shelf.Head{Next: []*shelf.Next{{Epoch: hash(0), Letters: hash(9), Ends: 1 << 46}, {Epoch: hash(1), Letters: hash(9)}}}
	c.Join(&anew)
	if len(c.Next) != 3 || c.Next[0].Letters != hash(9) || c.Next[1].Letters != hash(1) {
		t.Errorf("joined with letters that were made anew: %v", c.Next)
	}
	for i, n := range []*shelf.Next{
		{Epoch: hash(0), Letters: hash(10), Ends: 1 << 46, Lacks: 1}, // worse than hash(9)
		{Epoch: hash(0), Letters: hash(11), Ends: 1<<46 + 1, Lacks: 2},
		{Epoch: hash(0), Letters: hash(12), Ends: 1<<46 + 1, Lacks: 1},
		{Epoch: hash(0), Letters: hash(13), Ends: 1<<46 + 1, Lacks: 1},
	} {
		c.Lead(n)
		if got, want := c.Next[0].Letters, hash([]uint64{9, 11, 12, 12}[i]); got != want {
			t.Errorf("letters after the %d-th: %v, want %v", i, got, want)
		}
	}
	d := *full()
	b.Packs = []*shelf.Ref{{Object: hash(1000), Key: peer.Secret{1}}}
	d.Join(b)
	if len(d.Packs) != shelf.MaxPacks || !bytes.Equal(d.Packed, full().Packed) {
		t.Errorf("joined with a full one: %d packs", len(d.Packs))
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// text is what a pack holds.
func text(list ...*entry.Entry) (b []byte) {
	for _, e := range list {
		x := wire.MustMarshal(e)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(x))), x...)
	}
	return b
}

// As many entries as Fill says fit a pack, and come back; what is torn is refused.
func TestPacks(t *testing.T) {
	large := *founding
	large.Body = make([]byte, entry.MaxBody)
	list := slices.Repeat([]*entry.Entry{&large}, 40)
	n := shelf.Fill(list)
	if size := len(text(list[:n]...)); n < 20 || n == len(list) || size > shelf.MaxPack {
		t.Errorf("%d entries of %d bytes fill a pack", n, size)
	}
	if n := shelf.Fill(slices.Repeat([]*entry.Entry{{}}, 2*shelf.MaxEntries)); n > shelf.MaxEntries || n < 1000 {
		t.Errorf("%d short entries fill a pack", n)
	}
	got, err := shelf.UnpackText(text(founding, founding))
	if err != nil || len(got) != 2 || got[1].Hash() != room {
		t.Errorf("unpacked: %d, %v", len(got), err)
	}
	whole := text(founding)
	for name, b := range map[string][]byte{"torn": whole[:len(whole)-1], "a length alone": whole[:4], "half of one": whole[:2],
		"a long length": {0xff, 0xff, 0xff, 0xff, 1}, "none": {0, 0, 0, 0}, "no entry": {0, 0, 0, 1, 0xf6}} {
		_, err := shelf.UnpackText(b)
		damaged(t, name, err)
	}
}

// again checks that what was decoded is written so that it decodes to the same.
func again[T any](t *testing.T, v *T) {
	t.Helper()
	b, o := wire.MustMarshal(v), new(T)
	if err := wire.Unmarshal(b, o); err != nil || !bytes.Equal(wire.MustMarshal(o), b) {
		t.Errorf("%T comes back changed: %v", v, err)
	}
}

func FuzzPack(f *testing.F) {
	f.Add(text(founding, founding))
	f.Add([]byte{0, 0, 0, 1, 0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() {
			if list, err := shelf.UnpackText(b); err == nil {
				if got, err := shelf.UnpackText(text(list...)); err != nil || len(got) != len(list) {
					t.Error("a pack comes back changed")
				}
			}
		})
	})
}

func FuzzHead(f *testing.F) {
	f.Add(wire.MustMarshal(full()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h := new(shelf.Head); wire.Unmarshal(b, h) == nil {
			again(t, h)
		}
	})
}

func FuzzLetters(f *testing.F) {
	f.Add(wire.MustMarshal(&shelf.Letters{List: []*shelf.Letter{{To: author.Public(), Number: 1, Sealed: []byte{1}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l := new(shelf.Letters); wire.Unmarshal(b, l) == nil {
			again(t, l)
		}
	})
}

func rows(n int, number uint64, out bool) []*shelf.Row {
	return many(n, func(i uint64) *shelf.Row {
		return &shelf.Row{Room: hash(i), Number: number, Out: out, Key: peer.Secret(hash(i)), Epoch: 1 << 40}
	})
}

// Of a room the latest row stays; a full list drops rooms that were left first, and fits an object.
func TestList(t *testing.T) {
	l := new(shelf.List)
	for _, r := range rows(shelf.MaxRows, 1, true) {
		l.Set(r)
	}
	for _, r := range rows(3, 1, false) {
		l.Set(r) // who has left is out
	}
	if !l.Find(hash(1)).Out {
		t.Error("who left is in again")
	}
	for _, r := range rows(3, 2, false) {
		l.Set(r)
	}
	for i := range uint64(10) {
		l.Set(&shelf.Row{Room: hash(1000 + i), Key: peer.Secret(hash(i)), Epoch: i})
	}
	l.Set(&shelf.Row{Room: hash(1000), Key: peer.Secret{1}})
	in := 0
	for _, r := range l.Rows {
		if !r.Out {
			in++
		}
	}
	if err := l.Check(); err != nil || in != 13 || l.Find(hash(1000)).Key == (peer.Secret{}) {
		t.Errorf("%d rooms of the list are not left: %v", in, err)
	}
	if n := len(wire.MustMarshal(l)); n > shelf.MaxContent-2048 {
		t.Errorf("a list of %d bytes", n)
	}
	for name, spoil := range map[string]func(l *shelf.List){
		"twice": func(l *shelf.List) { l.Rows[1] = l.Rows[0] },
		"nil":   func(l *shelf.List) { l.Rows[5] = nil },
		"none":  func(l *shelf.List) { l.Rows[0] = &shelf.Row{} },
		"many":  func(l *shelf.List) { l.Rows = append(l.Rows, &shelf.Row{Room: id.Hash(bytes.Repeat([]byte{255}, 32))}) },
	} {
		x := &shelf.List{Rows: slices.Clone(l.Rows)}
		spoil(x)
		damaged(t, name, x.Check())
	}
}

func FuzzList(f *testing.F) {
	f.Add(wire.MustMarshal(&shelf.List{Rows: rows(1, 1, true)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l := new(shelf.List); wire.Unmarshal(b, l) == nil {
			again(t, l)
		}
	})
}
