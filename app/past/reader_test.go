package past_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/store/mem"
)

// TestOldHolderIsRepaired: a holder that missed a version, and gives an older one to a reader,
// is given the current one by that reader.
func TestOldHolderIsRepaired(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 80}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	near := w.nearest(annsName.ID(), 5)
	missed := near[3:]
	deaf(missed, "accept")
	if err := near[0].change(1, "two"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	deaf(missed, "")
	for _, m := range missed {
		if v := m.past.Version(annsName.ID()); v != 1 {
			t.Fatalf("who missed version 2 has version %d", v)
		}
	}
	reader := w.outside(near)
	w.mustRead(reader, 2, "two")
	w.net.Run(time.Second)
	for _, m := range missed {
		if v := m.past.Version(annsName.ID()); v != 2 {
			t.Errorf("after a read a holder has version %d", v)
		}
	}
	if n := reader.past.Repaired; n != 2 {
		t.Errorf("%d holders were repaired", n)
	}
	w.mustRead(reader, 2, "two")
	if n := reader.past.Repaired; n != 2 {
		t.Errorf("after another read %d holders were repaired", n)
	}
}

// TestReaderNeverGoesBack: all holders have lost the last version, as if their disks were
// brought back from yesterday. Who has seen it is not told that an older one is current, not
// even when he has started again; and not that there is none. A later version he reads.
func TestReaderNeverGoesBack(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 81}, nil)
	near := w.nearest(annsName.ID(), 5)
	reader := w.outside(near)
	yesterday := make(map[*member]*mem.Store)
	_, err := reader.current(annsName)
	wantErr(t, "before the first version", err, past.ErrNotFound)
	if err := near[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	for _, m := range near {
		yesterday[m] = m.disk.Clone()
	}
	if err := near[0].change(1, "two"); err != nil {
		t.Fatal(err)
	}
	w.mustRead(reader, 2, "two")
	kill(near)
	for m, disk := range yesterday {
		m.disk = disk
	}
	reader.node.Kill()
	restart(append(near, reader))
	w.net.Run(time.Minute)
	w.mustRead(near[1], 1, "one")
	if _, err = reader.current(annsName); !errors.Is(err, past.ErrNotReachable) || !strings.Contains(err.Error(), "version 1, and this node has seen version 2") {
		t.Errorf("who has seen version 2: %v", err)
	}
	for v, content := range []string{1: "another two", 2: "three"} {
		if v > 0 {
			if err := near[1].change(uint64(v), content); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.mustRead(reader, 3, "three")
	for _, m := range near {
		m.node.Kill()
		m.disk.Wipe()
	}
	restart(near)
	w.net.Run(time.Minute)
	if _, err = reader.current(annsName); !errors.Is(err, past.ErrNotReachable) {
		t.Errorf("who has seen version 3 is told that there is none: %v", err)
	}
}
