package node_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// searched is what a search of a process printed: the names, and the last line.
func (p *process) searched(args ...string) (names []string, end api.Reached) {
	p.t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(p.must(append(args, "--json")...))))
	for d.More() {
		var line struct {
			Name string
			api.Reached
		}
		if err := d.Decode(&line); err != nil {
			p.t.Fatal(err)
		}
		if line.Name == "" {
			end = line.Reached
			break
		}
		names = append(names, line.Name)
	}
	slices.Sort(names)
	return names, end
}

// TestCensusOfProcesses: three real nodes count each other, and list the people of all
// three, but for those who hide; and a node that is gone is missed.
func TestCensusOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	a, b, c := newProcess(t), newProcess(t), newProcess(t)
	c.env = append(c.env, "PHYLLO_COUNTED=false")
	a.up()
	for _, p := range []*process{b, c} {
		var inv api.Invitation
		a.read(&inv, "invite")
		p.up("--join", inv.Invite)
	}
	a.must("user", "add", "ann", "--full-name", "Ann Example")
	b.must("user", "add", "bob")
	c.must("user", "add", "alice")
	c.must("user", "add", "carol", "--unlisted")
	all := api.Reached{Nodes: 3, About: 3}
	for _, p := range []*process{a, b, c} {
		if names, end := p.searched("user", "list", "--all"); !slices.Equal(names, []string{"alice", "ann", "bob"}) || end != all {
			t.Errorf("all people: %v, %+v", names, end)
		}
		if names, end := p.searched("user", "find", "A*"); !slices.Equal(names, []string{"alice", "ann"}) || end != all {
			t.Errorf("A*: %v, %+v", names, end)
		}
		var s api.Census
		p.read(&s, "ring", "census")
		if s.Nodes != 3 || s.About != 3 || s.Silent != 1 || s.Offered != 2<<30 || s.Names != 8 || len(s.Versions) != 1 || s.Versions[0].Nodes != 2 {
			t.Errorf("census: %+v", s)
		}
	}
	_, err := a.run("user", "find", "carol?")
	var f *failure
	if !errors.As(err, &f) || f.code != api.NotFound.ExitCode() {
		t.Errorf("a pattern that nobody fits: %v", err)
	}
	b.must("user", "edit", "bob", "--unlisted")
	if names, _ := a.searched("user", "list", "--all"); slices.Contains(names, "bob") {
		t.Errorf("bob is listed, although he hides: %v", names)
	}
	b.kill()
	var s api.Census
	if a.read(&s, "ring", "census"); s.Nodes != 2 || s.About < 2 || s.About > 3 {
		t.Errorf("census without the one that died: %+v", s)
	}
}
