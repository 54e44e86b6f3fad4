package lab_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// rage is how long a storm lasts.
func rage() time.Duration {
	if simtest.Race {
		return 30 * time.Second
	}
	return 2 * time.Minute
}

// TestStorm lets all faults strike rings of 20 nodes, under all the overlay's
// invariants; see Storm.
func TestStorm(t *testing.T) {
	simtest.Seeds(t, 60, func(t *testing.T, seed uint64) {
		s := lab.NewStorm(seed, 20)
		for _, p := range s.Run(rage()) {
			t.Error(p)
		}
		t.Logf("%d lookups: %d answered, %d failed with an error; %d link messages",
			s.Sent, s.Answered, s.Failed, s.Truth.Sent)
	})
}

// TestStorageInStorms lets all faults strike rings whose nodes keep files for each other:
// whatever was acknowledged is there afterwards, with the nodes nearest to it, and mutable
// objects were changed one version after another (S1 to S8, S10, S12).
func TestStorageInStorms(t *testing.T) {
	simtest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		s := lab.Tempest{Seed: seed, Nodes: 14, Rage: rage(), Storage: true, ForGood: seed%4 == 0}.Storm()
		for _, p := range s.Run(rage()) {
			t.Error(p)
		}
		toll := s.Toll()
		t.Logf("%d files were stored and %d read, %d changes made, and %d of the space", toll.Stored, toll.Read, toll.Changed, toll.Filed)
		// Fewer in a shorter storm: 20, 8 and 2 in one of two minutes.
		if few := int(rage() / (15 * time.Second)); toll.Stored < 2*few+4 || toll.Read < few || toll.Changed < 2 || toll.Filed < few {
			t.Errorf("only %d files were stored and %d read, %d changes made, and %d of the space", toll.Stored, toll.Read, toll.Changed, toll.Filed)
		}
		if toll.Lost > 0 || toll.Spared >= toll.Stored {
			t.Errorf("%d files were lost, %d of %d spared", toll.Lost, toll.Spared, toll.Stored)
		}
	})
}

// TestGroupsInStorms lets all faults strike rings whose nodes speak in a group, come and go;
// in some of them a fifth of the nodes swallow what they should hand on. All that was
// acknowledged is read, once and in order, and in calm there is one tree (P1 to P8).
func TestGroupsInStorms(t *testing.T) {
	simtest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		s := lab.Tempest{Seed: seed, Nodes: 16, Rage: rage(), Groups: true, ForGood: seed%4 == 0}.Storm()
		for _, p := range s.Run(rage()) {
			t.Error(p)
		}
		toll := s.Toll()
		t.Logf("%d messages were said and read %d times; %d times a member was told that one is lost; %d parents were found to swallow",
			toll.Said, toll.Heard, toll.Told, toll.Found)
		if toll.Said < 40 || toll.Heard < 4*toll.Said || toll.Told > toll.Heard/10 {
			t.Errorf("only %d messages were said and read %d times, %d told to be lost", toll.Said, toll.Heard, toll.Told)
		}
	})
}

// TestRoomsInStorms lets all faults strike rings whose people talk in a room, are put out of it
// and invited again: all that was said is with all members, in one order, and who was put
// out reads nothing that was said with the next key, which is there within seconds (R1 to R5).
func TestRoomsInStorms(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 4, func(t *testing.T, seed uint64) {
		s := lab.Tempest{Seed: seed, Nodes: 14, Rage: rage(), Rooms: true, ForGood: seed%4 == 0}.Storm()
		for _, p := range s.Run(rage()) {
			t.Error(p)
		}
		toll := s.Toll()
		t.Logf("%d times something was said; %d of it was on one disk alone when that was lost", toll.Talked, toll.Gone)
		if toll.Talked < 60 || toll.Gone > toll.Talked/20 {
			t.Errorf("only %d times something was said, %d of it was lost with a disk", toll.Talked, toll.Gone)
		}
	})
}

// TestGroupsInWideRings is TestGroupsInStorms where leaf sets are small, so that most nodes do
// not know who is near to the group: who was its root in a part of the ring is so no longer.
func TestGroupsInWideRings(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		for _, p := range (lab.Tempest{Seed: 12 + seed, Nodes: 28, Rage: rage(), Leaf: 12, Groups: true}).Wrong() {
			t.Error(p)
		}
	})
}
