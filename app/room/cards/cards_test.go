package cards_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room/cards"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// phone is a directory of ann alone, which counts how often it is asked.
type phone struct {
	ann   directory.Record
	away  error // what it says instead; nil: nothing
	asked int
}

func (p *phone) Lookup(_ *task.T, name directory.Name) (directory.Found, error) {
	p.asked++
	switch {
	case p.away != nil:
		return directory.Found{}, p.away
	case name != "ann":
		return directory.Found{}, directory.ErrNotFound
	}
	r := p.ann
	return directory.Found{Record: &r}, nil
}

// desk is a node with its cards.
type desk struct {
	*testing.T
	net   *kbrtest.Net
	node  *kbrtest.Node
	phone *phone
	cards *cards.Cards
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, net: kbrtest.New(kbrtest.Config{Seed: 1}), phone: &phone{}}
	t.Cleanup(d.net.Close)
	d.phone.ann = directory.Record{Name: "ann", Identity: peer.Key{1}, Devices: []*directory.Device{{Node: id.Tiny(5)}}}
	d.node = d.net.Add(kbrtest.Handle(id.Tiny(1)))
	d.cards = cards.New(d.phone, d.node)
	return d
}

func (d *desk) call(f func(*task.T) error) error { return d.node.Call(time.Minute, f) }

func (d *desk) record(key peer.Key) error {
	return d.call(func(t *task.T) error {
		_, err := d.cards.Record(t, "ann", key)
		return err
	})
}

// vouch says what a node is answered that speaks for ann; 0: it is believed.
func (d *desk) vouch(node id.ID) uint16 {
	d.Helper()
	err := d.call(func(t *task.T) error {
		_, err := d.cards.Vouch(t, &kbr.Delivery{Via: kbrtest.Handle(node)}, "ann", peer.Key{1})
		return err
	})
	refusal := new(kbr.RefusedError)
	if err != nil && !errors.As(err, &refusal) {
		d.Fatal(err)
	}
	return refusal.Code
}

func (d *desk) asked(times int) {
	d.Helper()
	if d.phone.asked != times {
		d.Errorf("the directory was asked %d times, want %d", d.phone.asked, times)
	}
}

// TestRecordIsRemembered holds for how long a record is taken for what it was.
func TestRecordIsRemembered(t *testing.T) {
	d := newDesk(t)
	look := func(times int) {
		t.Helper()
		if err := d.record(peer.Key{1}); err != nil {
			t.Fatal(err)
		}
		d.asked(times)
	}
	look(1)
	d.net.Run(50 * time.Second)
	look(1)
	d.net.Run(11 * time.Second)
	look(2)
	d.net.Run(11 * time.Second)
	look(2)
	d.cards.Doubt("ann")
	look(3) // it was read more than ten seconds ago
	d.cards.Doubt("ann")
	look(3)
	d.net.Run(11 * time.Second)
	look(4)
}

// TestOther holds that a name that is somebody else's is taken for nobody's.
func TestOther(t *testing.T) {
	d := newDesk(t)
	if err := d.record(peer.Key{2}); err == nil {
		t.Error("ann's record was taken for another person's")
	}
	if err := d.record(peer.Key{1}); err != nil {
		t.Error(err)
	}
}

// TestVouch holds that only a node which her record names speaks for ann, and that a new one of hers is believed
// at once.
func TestVouch(t *testing.T) {
	d := newDesk(t)
	if code := d.vouch(id.Tiny(5)); code != 0 {
		t.Errorf("her node was refused: %d", code)
	}
	d.asked(1)
	if code := d.vouch(id.Tiny(6)); code != msg.RefusedDenied {
		t.Errorf("another's node: %d, want %d", code, msg.RefusedDenied)
	}
	d.asked(2)
	d.phone.ann.Devices = append(d.phone.ann.Devices, &directory.Device{Node: id.Tiny(6)})
	if code := d.vouch(id.Tiny(6)); code != 0 {
		t.Errorf("her new node was refused: %d", code)
	}
	d.asked(3)
	d.phone.away = directory.ErrNotFound
	if code := d.vouch(id.Tiny(7)); code != msg.RefusedBusy {
		t.Errorf("while no record can be read: %d, want %d", code, msg.RefusedBusy)
	}
}
