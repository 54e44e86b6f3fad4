package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// texts are the words that a process shows of a room.
func (p *process) texts(room string) (list []string) {
	p.t.Helper()
	for _, m := range p.roomHistory(room) {
		list = append(list, m.From+": "+m.Text)
	}
	return list
}

func (p *process) roomHistory(room string) (list []api.RoomMessage) {
	p.t.Helper()
	for line := range strings.Lines(p.must("room", "history", room, "--peek", "--json")) {
		var m api.RoomMessage
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			p.t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// TestRoomOfProcesses: five people on five real nodes talk while any two of them are down,
// each ended by kill -9; when all were started again all show the same history in the same
// order, with all that anybody was told is said. Who joins a room whose log is stored while none of
// its members is there has all of it; who lost his computer finds his rooms by his keys.
func TestRoomOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs five processes")
	}
	beside(t)
	names := []string{"alice", "bob", "carol", "dave", "erin"}
	all := make([]*process, len(names))
	for i, name := range names {
		all[i] = newProcess(t)
		at := fmt.Sprintf("127.79.0.%d", i+1)
		if i == 0 {
			all[i].settle(at)
		} else {
			var inv api.Invitation
			all[0].read(&inv, "invite")
			all[i].settle(at, "--join", inv.Invite)
		}
		all[i].must("user", "add", name)
	}
	all[0].must("room", "create", "garden")
	for i, name := range names[1:] {
		all[0].must("room", "invite", "garden", name)
		all[i+1].until("an invitation", func() bool { return strings.Contains(all[i+1].must("room", "list"), "invited by alice") })
		all[i+1].must("room", "join", "garden")
	}
	// Two of them have a room whose log is stored; the fourth is invited, and does not join yet.
	all[0].must("room", "create", "attic", "--stored")
	all[0].must("room", "invite", "attic", "bob")
	all[1].until("an invitation", func() bool { return strings.Contains(all[1].must("room", "list"), "attic") })
	all[1].must("room", "join", "attic")
	all[0].must("send", "#attic", "up here")
	all[1].must("send", "#attic", "dusty")
	all[0].must("room", "invite", "attic", "dave")
	all[3].until("an invitation", func() bool { return strings.Contains(all[3].must("room", "list"), "attic") })

	var said []string
	for i, p := range all { // who says something has the key
		p.must("send", "#garden", "hello")
		said = append(said, names[i]+": hello")
	}
	for _, i := range []int{0, 2, 4} {
		a, b := all[i], all[(i+1)%len(all)]
		a.kill()
		b.kill()
		for j, p := range all {
			if p != a && p != b {
				text := fmt.Sprintf("words %d", i)
				p.must("send", "#garden", text)
				said = append(said, names[j]+": "+text)
			}
		}
		a.up()
		b.up()
	}
	for _, p := range all {
		p.kill()
	}
	for _, p := range all {
		p.up()
	}
	slices.Sort(said)
	var first []api.RoomMessage
	for _, p := range all {
		p.until("all that was said", func() bool {
			got := p.texts("garden")
			slices.Sort(got)
			return slices.Equal(got, said)
		})
		got := p.roomHistory("garden")
		for i := range got {
			got[i].Mine, got[i].Unread = false, false
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("two members show another order:\n%+v\n%+v", got, first)
		}
	}

	// Who wrote something learns on whose computer it is, and who has read it.
	all[0].must("send", "#garden", "read this")
	all[1].until("the last words", func() bool { return slices.Contains(all[1].texts("garden"), "alice: read this") })
	all[1].must("room", "history", "garden")
	all[0].until("bob's receipt", func() bool {
		return strings.HasSuffix(all[0].must("room", "history", "garden", "-n", "1", "--peek", "--receipts"), "alice: read this  (4 of 4 have it, 1 read it)\n")
	})

	// A public room is joined by the name of anybody who is in it.
	all[1].must("room", "create", "square", "--public")
	all[1].must("send", "#square", "hear, hear")
	all[2].must("room", "join", "bob/square")
	all[1].kill()
	all[3].must("room", "join", "carol/square")
	all[3].until("what bob said", func() bool { return slices.Equal(all[3].texts("square"), []string{"bob: hear, hear"}) })
	all[1].up()

	// Who is put out reads nothing that is said after the next key.
	all[0].must("room", "role", "garden", "erin", "out")
	awaitAnswer(all[4], "that she is out", func(r api.Room) bool { return !r.Joined }, "room", "list")
	all[1].until("that erin is out", func() bool { return !strings.Contains(all[1].must("room", "list", "garden"), "erin") })
	all[1].must("send", "#garden", "without erin")
	all[2].until("what bob says", func() bool { return slices.Contains(all[2].texts("garden"), "bob: without erin") })
	if slices.ContainsFunc(all[4].texts("garden"), func(s string) bool { return strings.Contains(s, "without erin") }) {
		t.Error("erin reads what was said when she was out")
	}

	// Who joins a room whose log is stored while nobody of it is there reads all of it.
	all[0].until("that all is stored", func() bool { return strings.Contains(all[0].must("room", "list", "attic"), "storage has all.\n") })
	keys, phrase := filepath.Join(t.TempDir(), "alice"), filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(phrase, []byte("correct-horse-battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	all[0].must("user", "export", "alice", keys, "--passphrase-file", phrase)
	all[0].until("that her keys lead to her rooms", func() bool {
		list := all[0].must("room", "list", "--json")
		return !strings.Contains(list, `"unlisted":true`) && !strings.Contains(list, `"looking":true`)
	})
	all[0].kill()
	all[1].kill()
	all[3].must("room", "join", "attic")
	all[3].until("what was said in the attic", func() bool {
		got := all[3].texts("attic")
		slices.Sort(got)
		return slices.Equal(got, []string{"alice: up here", "bob: dusty"})
	})
	all[3].must("send", "#attic", "anybody?")

	// Who has his keys alone finds his rooms: alice's computer is gone, and she goes on on erin's.
	all[4].must("user", "import", keys, "--passphrase-file", phrase)
	all[4].until("alice's rooms", func() bool {
		list := all[4].must("room", "list", "--from", "alice")
		return strings.Contains(list, "attic") && strings.Contains(list, "garden")
	})
	all[4].until("what was said in the attic", func() bool {
		return strings.Contains(all[4].must("room", "history", "attic", "--from", "alice"), "dusty")
	})
}

// TestRoomOfTheSameName: who is in a room makes no other of its name, which he could name by its id alone.
func TestRoomOfTheSameName(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	addUser(t, n, "ann")
	for _, x := range []struct {
		name string
		kind api.Kind
	}{{"garden", ""}, {"#garden", api.Failed}, {"attic", ""}} {
		if _, err := n.API().RoomCreate(limited(t), api.RoomCreate{Name: x.name}); api.KindOf(err) != x.kind {
			t.Errorf("making %s: %v", x.name, err)
		}
	}
}
