package chat_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/examples/chat"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var authority = standin.NewSigner(1, 0)

func keyOf(i int) peer.Signer { return standin.NewSigner(3, uint64(i)) }

func certificateOf(i int) *peer.Certificate {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	admission := peer.NewAdmission(authority, authority.Public(), now)
	return peer.NewCertificate(authority, admission, keyOf(i).Public(), peer.Salt{}, now)
}

// topicsOf makes what a node runs for topics.
func topicsOf(t *testing.T, i int) (*topic.Topics, []kbr.Mount) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	cert, disk := certificateOf(i), mem.New()
	d := directory.Default()
	d.Ring, d.Signer, d.Verifier, d.Store = cert.Ring, keyOf(i), standin.Verifier{}, disk
	d.Certificate = func() *peer.Certificate { return cert }
	dir, err := directory.New(d)
	must(err)
	s := scribe.Default()
	s.Ring, s.Verifier = cert.Ring, standin.Verifier{}
	groups, err := scribe.New(s)
	must(err)
	c := topic.Default()
	c.Ring, c.Scribe, c.Directory, c.Store = cert.Ring, groups, dir, disk
	c.Signers = func() []peer.Signer { return []peer.Signer{keyOf(i)} }
	topics, err := topic.New(c)
	must(err)
	return topics, []kbr.Mount{{Number: 1, App: dir}, {Number: 7, App: groups}, {Number: 9, App: topics}}
}

// TestSimulatedNodes: thirty nodes chat while one after another dies.
func TestSimulatedNodes(t *testing.T) {
	topics := make(map[sim.NodeRef]*topic.Topics)
	ring := lab.New(lab.Config{
		Seed: 1,
		ID:   func(i int) id.ID { return certificateOf(i).Node },
		Apps: func(i int, _ sim.NodeEnv) (mounts []kbr.Mount) {
			topics[sim.NodeRef(i)], mounts = topicsOf(t, i)
			return mounts
		},
	})
	t.Cleanup(ring.Close)
	if !ring.Grow(30, 50*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of 30 nodes are ready", len(ring.ReadyNodes()))
	}
	ring.Sim.RunFor(10 * time.Second)
	rooms, read := make(map[sim.NodeRef]*chat.Room), make(map[sim.NodeRef][]string)
	call := func(n sim.NodeRef, f func(*task.T) error) {
		t.Helper()
		if err := ring.Call(n, time.Minute, f); err != nil {
			t.Fatalf("node %d: %v", n, err)
		}
	}
	for _, n := range ring.Live() {
		call(n, func(t *task.T) (err error) {
			rooms[n], err = chat.Enter(t, topics[n], "tea", fmt.Sprint("node", n), keyOf(int(n)), func(line string) { read[n] = append(read[n], line) })
			return err
		})
	}
	var said []string
	for i, n := range ring.Live() {
		if i%5 == 4 {
			ring.Sim.Crash(n)
			continue
		}
		line := fmt.Sprint("line ", i)
		call(n, func(t *task.T) error { return rooms[n].Say(t, line) })
		said = append(said, fmt.Sprintf("node%d: %s", n, line))
	}
	ring.Sim.RunFor(time.Minute)
	slices.Sort(said)
	for _, n := range ring.Live() {
		var got []string
		for _, line := range read[n] {
			if slices.Contains(said, line) {
				got = append(got, line)
			}
		}
		if slices.Sort(got); !slices.Equal(got, said) {
			t.Errorf("node %d has read %d of %d lines: %q", n, len(got), len(said), got)
		}
	}
}
