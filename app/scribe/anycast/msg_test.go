package anycast_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

func anItem() *anycast.Item {
	return anycast.NewItem(ring, id.HashOf("group"), kbrtest.Handle(id.Tiny(3)), 7, []byte("body"), bob, time.Unix(9, 0))
}

// Each message is read as it was written, and what breaks a limit is refused before it is
// used (hostile input, rows 30, 31 and 43).
func TestMessages(t *testing.T) {
	good, bad := anycast.Messages(anItem())
	for _, m := range good {
		got, err := anycast.Decode(anycast.Encode(m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: read %+v, %v", m, got, err)
		}
	}
	for what, m := range bad {
		if _, err := anycast.Decode(anycast.Encode(m)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzDecode holds the decoder to its share of memory, and to one form of each message.
func FuzzDecode(f *testing.F) {
	good, _ := anycast.Messages(anItem())
	for _, m := range good {
		f.Add(anycast.Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { anycast.Decode(b) })
		m, err := anycast.Decode(b)
		if err != nil {
			return
		}
		again, err := anycast.Decode(anycast.Encode(m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%T was read and is written otherwise: %v", m, err)
		}
	})
}

// TestConfig: each number out of its range is named.
func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*anycast.Config){
		"Verifier": func(c *anycast.Config) { c.Verifier = nil }, "MaxSteps": func(c *anycast.Config) { c.MaxSteps = 0 },
		"Silence": func(c *anycast.Config) { c.Silence = 0 }, "RememberFor": func(c *anycast.Config) { c.RememberFor = time.Second },
	} {
		c := anycast.Default()
		c.Verifier = standin.Verifier{}
		c.Tree = new(scribe.Scribe)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
