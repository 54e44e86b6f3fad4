package sim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// picky encodes and does not decode.
type picky struct {
	Text string `cbor:"1,keyasint"`
}

func (*picky) Kind() wire.Kind { return 3 }
func (*picky) Check() error    { return errors.New("never right") }

// With a codec each receiver has a message of its own, also of a duplicate; what it
// changes in it does not reach anybody.
func TestCodecGivesEachReceiverItsOwnMessage(t *testing.T) {
	for _, codec := range []*wire.Table{nil, table} {
		w := newWorld(t, sim.Config{Codec: codec}, 3)
		w.Run(0)
		var seen []wire.Message
		for _, toy := range w.toys {
			toy.quiet = true
			toy.heard = func(_ *peer.Handle, m wire.Message) { seen = append(seen, m) }
		}
		w.Inject(sim.Faults{Duplicate: 1})
		m := &say{Text: "mine", Knows: []*peer.Handle{handle(2)}}
		w.Call(0, func() {
			w.toys[0].Send(w.Handle(1), machine.ClassApp, m)
			w.toys[0].Send(w.Handle(2), machine.ClassApp, m)
		})
		w.RunFor(time.Second)
		if len(seen) != 4 {
			t.Fatalf("%d messages arrived, want two and their duplicates", len(seen))
		}
		values := map[wire.Message]bool{m: true}
		for _, s := range seen {
			if got := s.(*say); got.Text != "mine" || len(got.Knows) != 1 || got.Knows[0].ID != handle(2).ID {
				t.Errorf("got %+v", got)
			}
			values[s] = true
		}
		if want := map[bool]int{true: 5, false: 1}[codec != nil]; len(values) != want {
			t.Errorf("codec %v: %d different values, want %d", codec != nil, len(values), want)
		}
	}
}

func TestBytesAndKindsAreCounted(t *testing.T) {
	var sent []string
	delivered := 0
	w := newWorld(t, sim.Config{Codec: table, Observe: sim.Observe{
		Send: func(from, to sim.NodeRef, c machine.Class, m wire.Message, bytes int) {
			sent = append(sent, fmt.Sprint(from, to, c, m.Kind(), bytes))
		},
		Deliver: func(_, _ sim.NodeRef, _ wire.Message) { delivered++ },
	}}, 2)
	w.say(0, 1, "hello")
	w.RunFor(time.Second)
	b, err := table.Encode(&say{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	frame := wire.FrameHeader + len(b)
	if want := []string{fmt.Sprint(0, 1, 1, 1, frame), fmt.Sprint(1, 0, 1, 2, frame)}; fmt.Sprint(sent) != fmt.Sprint(want) {
		t.Errorf("observed %q, want %q", sent, want)
	}
	c := w.Counts()
	if c.Bytes != uint64(2*frame) || c.ByKind[1] != 1 || c.ByKind[2] != 1 || c.Sent != 2 || delivered != 2 {
		t.Errorf("%d bytes, %d says, %d echoes, %d sent, %d delivered", c.Bytes, c.ByKind[1], c.ByKind[2], c.Sent, delivered)
	}
}

// A share of the messages through the codec gives the same run.
func TestCodecEverySoManyMessages(t *testing.T) {
	run := func(every int) (w *world, encoded int) {
		w = newWorld(t, sim.Config{Codec: table, CodecEvery: every, Observe: sim.Observe{
			Send: func(_, _ sim.NodeRef, _ machine.Class, _ wire.Message, bytes int) {
				if bytes > 0 {
					encoded++
				}
			},
		}}, 2)
		for range 12 {
			w.say(0, 1, "hello")
			w.RunFor(time.Second)
		}
		return w, encoded
	}
	all, each := run(0)
	some, share := run(4)
	if all.Trace() != some.Trace() || fmt.Sprint(*all.logs[1]) != fmt.Sprint(*some.logs[1]) {
		t.Error("the run differs")
	}
	if each != 24 || share != 11 || some.Counts().Bytes == 0 || some.Counts().Bytes >= all.Counts().Bytes {
		t.Errorf("%d of 24 messages encoded, and of the 18 after the first three of two kinds one in four: %d (%d bytes)", each, share, some.Counts().Bytes)
	}
}

// sends makes a world in which one message is sent.
func sends(t *testing.T, m wire.Message, o sim.Observe) *world {
	w := newWorld(t, sim.Config{Codec: wire.NewTable((*say)(nil), (*picky)(nil)), Observe: o}, 2)
	w.Call(0, func() { w.toys[0].Send(w.Handle(1), machine.ClassApp, m) })
	return w
}

func TestMalformedMessagesAreABugUnlessTheyAreWatched(t *testing.T) {
	func() {
		defer func() {
			if r := fmt.Sprint(recover()); !strings.Contains(r, "never right") || !strings.Contains(r, "node 0") {
				t.Errorf("panic %q, want one that names the fault and the sender", r)
			}
		}()
		sends(t, &picky{"x"}, sim.Observe{}).RunFor(time.Second)
	}()
	told, lost := 0, 0
	w := sends(t, &picky{"x"}, sim.Observe{
		Malformed: func(from, to sim.NodeRef, frame []byte, err error) {
			if from != 0 || to != 1 || len(frame) == 0 || !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("told of %d, %d, %x, %v", from, to, frame, err)
			}
			told++
		},
		Drop: func(_, _ sim.NodeRef, k wire.Kind, why sim.Loss) {
			if k != 3 || why != sim.LossCodec {
				t.Errorf("dropped kind %d for the reason %v", k, why)
			}
			lost++
		},
	})
	w.RunFor(time.Second)
	if told != 1 || lost != 1 || w.Counts().Lost[sim.LossCodec] != 1 {
		t.Errorf("told %d times, lost %d", told, lost)
	}
}

func TestWhatDoesNotEncodeIsABugOfItsSender(t *testing.T) {
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "node 0") || !strings.Contains(r, "too large") {
			t.Errorf("panic %q", r)
		}
	}()
	sends(t, &say{Text: strings.Repeat("x", wire.MaxFrame)}, sim.Observe{}).RunFor(time.Second)
}

// newer and optional are messages of a later version of the protocol.
type (
	newer    struct{}
	optional struct{}
)

func (*newer) Kind() wire.Kind    { return 9 }
func (*optional) Kind() wire.Kind { return wire.Optional }

func TestNodesMaySpeakSeveralVersions(t *testing.T) {
	var malformed error
	w := newWorld(t, sim.Config{Codec: table, CodecEvery: 1000, Observe: sim.Observe{
		Malformed: func(_, _ sim.NodeRef, _ []byte, err error) { malformed = err },
	}}, 1)
	w.add(func(s *sim.Spec) {
		s.Codec = wire.NewTable((*say)(nil), (*echo)(nil), (*newer)(nil), (*optional)(nil))
	})
	w.say(1, 0, "both know this")
	w.Call(1, func() { w.toys[1].Send(w.Handle(0), machine.ClassApp, &optional{}) })
	w.RunFor(time.Second)
	w.expect(0, `0 start 1 saved ""`, `10 say "both know this" from B1`)
	w.expect(1, `0 start 1 saved ""`, `20 echo "both know this" from A1`)
	if malformed != nil || w.Counts().Lost[sim.LossCodec] != 1 {
		t.Errorf("an optional message: %v, lost %d; want it skipped", malformed, w.Counts().Lost[sim.LossCodec])
	}
	w.Call(1, func() { w.toys[1].Send(w.Handle(0), machine.ClassApp, &newer{}) })
	w.RunFor(time.Second)
	var unknown *wire.UnknownKindError
	if !errors.As(malformed, &unknown) || unknown.Kind != 9 {
		t.Errorf("a message that must be known: %v", malformed)
	}
}
