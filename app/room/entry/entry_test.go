package entry_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	alice = standin.NewSigner(1, 1)
	bob   = standin.NewSigner(1, 2)
	check standin.Verifier
	lock  = standin.NewLocker(1)
	hash  = id.HashOf("something")
)

func founding() *entry.Entry {
	return (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden"})}).Sign(alice)
}

// words is a good second entry.
func words() *entry.Entry {
	return &entry.Entry{Room: founding().Hash(), Stream: id.Tiny(1), Seq: 2, Depth: 2, Prev: founding().Hash(),
		Kind: entry.WordsKind, Time: 2, Body: (&entry.Words{Text: "hello"}).Open()}
}

func TestRoundTrip(t *testing.T) {
	for _, e := range []*entry.Entry{founding(), words().Sign(alice)} {
		got, err := entry.Parse(wire.MustMarshal(e))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("read %+v, %v", got, err)
		}
		if err := got.Verify(check); err != nil {
			t.Error(err)
		}
		if got.InRoom() != founding().Hash() {
			t.Error("of another room")
		}
		if got.Kind == entry.FoundingKind {
			continue
		}
		got.Time++
		if err := got.Verify(check); !errors.Is(err, entry.ErrEntry) {
			t.Errorf("a changed entry: %v", err)
		}
	}
}

// The largest words fit an entry, and it fits a message.
func TestLargest(t *testing.T) {
	w := entry.Words{Text: strings.Repeat("x", entry.MaxText), Reply: hash, Edits: hash}
	e := words()
	e.Body = w.Lock(e.Room, alice.Public(), hash, lock.NewSecret(), lock)
	var all []id.Hash
	for i := range entry.MaxParents {
		all = append(all, id.HashOf("parent", uint64(i)))
	}
	e.Parents = entry.Join(all)
	e = e.Sign(alice)
	if err := e.Verify(check); err != nil {
		t.Error(err)
	}
	if n := len(wire.MustMarshal(e)); n > wire.MaxPayload-1024 {
		t.Errorf("%d bytes", n)
	}
	if got := len(e.Before()); got != entry.MaxParents+1 {
		t.Errorf("names %d", got)
	}
	full := entry.Epoch{Number: 1, Proof: hash}
	for i := range entry.MaxMembers {
		k := peer.Key{byte(i >> 8), byte(i), 1}
		full.Readers = append(full.Readers, k[:]...)
	}
	if err := full.Check(); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	two := entry.Join([]id.Hash{id.HashOf("a"), id.HashOf("b")})
	for name, change := range map[string]func(*entry.Entry){
		"no stream":              func(e *entry.Entry) { e.Stream = id.ID{} },
		"no kind":                func(e *entry.Entry) { e.Kind = 0 },
		"no room":                func(e *entry.Entry) { e.Room = id.Hash{} },
		"founding of a room":     func(e *entry.Entry) { e.Kind = entry.FoundingKind },
		"nothing before":         func(e *entry.Entry) { e.Seq, e.Prev = 1, id.Hash{} },
		"no number":              func(e *entry.Entry) { e.Seq = 0 },
		"number above depth":     func(e *entry.Entry) { e.Seq = 3 },
		"huge depth":             func(e *entry.Entry) { e.Depth = entry.MaxDepth + 1 },
		"first with one before":  func(e *entry.Entry) { e.Seq = 1 },
		"second without":         func(e *entry.Entry) { e.Prev, e.Parents = id.Hash{}, two },
		"no time":                func(e *entry.Entry) { e.Time = 0 },
		"time far away":          func(e *entry.Entry) { e.Time = 1 << 51 },
		"long body":              func(e *entry.Entry) { e.Body = make([]byte, entry.MaxBody+1) },
		"torn parents":           func(e *entry.Entry) { e.Parents = two[1:] },
		"parents not in order":   func(e *entry.Entry) { e.Parents = append(bytes.Clone(two[32:]), two[:32]...) },
		"a parent twice":         func(e *entry.Entry) { e.Parents = append(bytes.Clone(two[:32]), two[:32]...) },
		"the one before, twice":  func(e *entry.Entry) { e.Parents = e.Prev[:] },
		"many parents":           func(e *entry.Entry) { e.Parents = make([]byte, 32*(entry.MaxParents+1)) },
		"change without a body":  func(e *entry.Entry) { e.Kind = entry.ChangeKind },
		"change of nobody":       with(entry.ChangeKind, &entry.Change{Role: entry.Member, Number: 1}),
		"change to no role":      with(entry.ChangeKind, &entry.Change{Who: bob.Public(), Role: 9, Number: 1}),
		"change with number 0":   with(entry.ChangeKind, &entry.Change{Who: bob.Public(), Role: entry.Out}),
		"change with a torn cut": with(entry.ChangeKind, &entry.Change{Who: bob.Public(), Role: entry.Out, Number: 1, Cut: make([]byte, 23)}),
		"change with bad name":   with(entry.ChangeKind, &entry.Change{Who: bob.Public(), Role: entry.Out, Number: 1, Name: "a\nb"}),
		"epoch without readers":  with(entry.EpochKind, &entry.Epoch{Number: 1}),
		"epoch, torn readers":    with(entry.EpochKind, &entry.Epoch{Number: 1, Readers: make([]byte, 33)}),
		"epoch, reader zero":     with(entry.EpochKind, &entry.Epoch{Number: 1, Readers: make([]byte, 32)}),
		"epoch, key of nothing":  with(entry.EpochKind, &entry.Epoch{Number: 1, Readers: two[:32], BeforeKey: make([]byte, 48)}),
		"title of nothing":       with(entry.TitleKind, &entry.Title{Number: 1}),
		"title turned around":    with(entry.TitleKind, &entry.Title{Number: 1, Title: "a\u202eb"}),
		"another's signature":    nil,
	} {
		e := words()
		if change != nil {
			change(e)
		}
		e = e.Sign(alice)
		if change == nil {
			e.Author = bob.Public()
		}
		if err := e.Verify(check); !errors.Is(err, entry.ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func with(kind entry.Kind, body any) func(*entry.Entry) {
	return func(e *entry.Entry) { e.Kind, e.Body = kind, wire.MustMarshal(body) }
}

// An entry of a kind that this program does not know is kept: a newer one wrote it.
func TestUnknownKind(t *testing.T) {
	e := words()
	e.Kind = 200
	if err := e.Sign(alice).Verify(check); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	key, other := lock.NewSecret(), lock.NewSecret()
	sizes := map[int]bool{}
	for _, text := range []string{"x", strings.Repeat("y", 200), strings.Repeat("z", 300)} {
		w := &entry.Words{Text: text, Reply: hash}
		e := words()
		e.Author = alice.Public()
		e.Body = w.Lock(e.Room, alice.Public(), hash, key, lock)
		sizes[len(e.Body)] = true
		if epoch, err := entry.EpochOf(e); epoch != hash || err != nil {
			t.Errorf("epoch %v, %v", epoch, err)
		}
		if got, err := entry.Unlock(e, key, lock); err != nil || *got != *w {
			t.Errorf("opened %+v, %v", got, err)
		}
		if _, err := entry.Unlock(e, other, lock); err != entry.ErrLocked {
			t.Errorf("by another key: %v", err)
		}
		e.Author = bob.Public()
		if _, err := entry.Unlock(e, key, lock); err != entry.ErrLocked {
			t.Errorf("as words of somebody else: %v", err)
		}
	}
	if len(sizes) != 2 {
		t.Errorf("%d lengths, want 2: short ones are padded to one", len(sizes))
	}
	if _, err := entry.Unlock(words(), key, lock); !errors.Is(err, entry.ErrEntry) {
		t.Errorf("open words: %v", err)
	}
}

// Who has the newest key reads all; who has an older one, nothing newer.
func TestEpochs(t *testing.T) {
	room := founding().Hash()
	a := alice.Public()
	k1, k2 := lock.NewSecret(), lock.NewSecret()
	first := entry.NewEpoch(room, 1, a[:], id.Hash{}, peer.Secret{}, k1, lock)
	second := entry.NewEpoch(room, 2, a[:], hash, k1, k2, lock)
	for _, p := range []*entry.Epoch{first, second} {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
	if !first.Reads(a) || first.Reads(bob.Public()) {
		t.Error("readers")
	}
	if first.Proof != entry.KeyProof(room, k1) || second.Proof == first.Proof {
		t.Error("proofs")
	}
	if k, err := second.KeyBefore(room, k2, lock); err != nil || k != k1 {
		t.Errorf("the key before: %v", err)
	}
	if _, err := second.KeyBefore(room, k1, lock); err != entry.ErrLocked {
		t.Errorf("by the old key: %v", err)
	}
}

func TestCut(t *testing.T) {
	var cut []byte
	want := map[id.ID]uint64{id.Tiny(3): 7, id.Tiny(1): 9}
	for s, n := range want {
		cut = entry.AppendCut(cut, s, n)
	}
	got := map[id.ID]uint64{}
	entry.EachCut(cut, func(s id.ID, n uint64) { got[s] = n })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %v", got)
	}
}

func TestRoles(t *testing.T) {
	var names []string
	for r := range entry.Role(6) {
		names = append(names, r.String())
	}
	if got := strings.Join(names, " "); got != "unknown out member admin owner unknown" {
		t.Error(got)
	}
}

// Whatever bytes come: no panic, and what is read is written as it was.
func FuzzEntry(f *testing.F) {
	f.Add(wire.MustMarshal(founding()))
	f.Add(wire.MustMarshal(words().Sign(bob)))
	for kind, body := range map[entry.Kind]any{
		entry.ChangeKind: &entry.Change{Who: bob.Public(), Role: entry.Out, Number: 1, Cut: entry.AppendCut(nil, id.Tiny(1), 4)},
		entry.TitleKind:  &entry.Title{Title: "x", Number: 1},
	} {
		e := words()
		with(kind, body)(e)
		f.Add(wire.MustMarshal(e.Sign(alice)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := entry.Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.MustMarshal(e), b) {
			t.Errorf("read %+v from other bytes", e)
		}
		_ = e.Verify(check)
		_, _ = entry.Unlock(e, peer.Secret{1}, lock)
	})
}

// Whatever somebody locks who has the key: no panic.
func FuzzWords(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		var key peer.Secret
		key[0] = 7
		nonce := make([]byte, 16)
		e := words().Sign(alice)
		h := id.HashOf("room words", e.Room, e.Author[:])
		e.Body = wire.MustMarshal(&entry.Locked{Epoch: hash, Nonce: nonce, Box: lock.Lock(key.Derive("room words", nonce), h[:], plain)})
		if w, err := entry.Unlock(e, key, lock); err == nil {
			if err := w.Check(); err != nil {
				t.Errorf("words that are none: %v", err)
			}
		}
	})
}
