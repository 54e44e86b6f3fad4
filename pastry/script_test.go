package pastry_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var rewrite = flag.Bool("update", false, "write what the scripts of testdata now do into them")

// TestScripts runs testdata/*.txt: stories of a few nodes on an 8-bit ring, with
// leaf sets of 4. A line that begins with > is a command; what follows it is what
// comes of it.
//
//	add 10 20         nodes 10 and 20 join, one after the other
//	run 5s            time goes on
//	crash 10          kill -9: its sockets are closed
//	die 10            a power cut: nothing is closed
//	stop 10           it leaves in order
//	restart 10        it starts again, with what it saved
//	pause 10, wake 10 its process is stopped, and goes on
//	part 10 20 | 30   the network is parted; mend ends that
//	cut 10 20         these two cannot reach each other
//	send 10 -> 3f     10 sends a request to key 3f: the way it took, and who answered
//	show              each live node: its leaf set, nearest first, and the keys it claims
//	table 10          the routing table of 10
//	watch lease       from now on shows messages of these kinds; alone: of none
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts in testdata:", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, want)
			if *rewrite {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
				t.Errorf("%s is not what happens now (go test -run TestScripts -update writes it anew):\n%s", file, d)
			}
		})
	}
}

// stage is where a script is played.
type stage struct {
	*world
	out     bytes.Buffer
	next    id.ID // of the node that is added next
	watched map[string]bool
}

// play runs a script and returns it with what came of it.
func play(t *testing.T, script []byte) []byte {
	s := new(stage)
	c := tiny(coded(1))
	c.ID = func(int) id.ID { return s.next }
	c.Sim.Observe.Deliver = s.see
	s.world = newWorld(t, c)
	for lines := bufio.NewScanner(bytes.NewReader(script)); lines.Scan(); {
		line := lines.Text()
		switch command, is := strings.CutPrefix(line, "> "); {
		case is:
			fmt.Fprintln(&s.out, line)
			s.command(strings.Fields(command))
		case line == "" || line[0] == '#':
			fmt.Fprintln(&s.out, line)
		}
	}
	s.problems()
	return s.out.Bytes()
}

// command carries out one command.
func (s *stage) command(words []string) {
	args := words[1:]
	each := func(f func(sim.NodeRef)) {
		for _, w := range args {
			f(s.node(w))
		}
		s.Sim.RunFor(0)
	}
	switch words[0] {
	case "add":
		for _, w := range args {
			s.next = s.id(w)
			s.Add()
			s.Sim.RunFor(time.Second)
		}
	case "run":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.Sim.RunFor(d)
	case "crash":
		each(s.Sim.Crash)
	case "die":
		each(s.Sim.Die)
	case "stop":
		each(s.Sim.Stop)
	case "restart":
		each(s.Sim.Restart)
	case "pause":
		each(s.Sim.Pause)
	case "wake":
		each(s.Sim.Wake)
	case "part":
		i := slices.Index(args, "|")
		s.Sim.Partition(s.nodes(args[:i]), s.nodes(args[i+1:]))
	case "mend":
		s.Sim.Mend()
	case "cut":
		a, b := s.node(args[0]), s.node(args[1])
		s.Sim.Cut(a, b)
		s.Sim.Cut(b, a)
	case "send":
		s.send(s.node(args[0]), s.id(args[2]))
	case "show":
		s.show()
	case "table":
		s.table(s.node(args[0]))
	case "watch":
		s.watched = make(map[string]bool)
		for _, w := range args {
			s.watched[w] = true
		}
	default:
		s.t.Fatalf("script: no command %q", words[0])
	}
}

func (s *stage) id(word string) id.ID {
	x, err := strconv.ParseUint(word, 16, 8)
	if err != nil {
		s.t.Fatalf("script: %v", err)
	}
	return id.Tiny(uint8(x))
}

func (s *stage) node(word string) sim.NodeRef {
	n, ok := s.Sim.Find(s.id(word))
	if !ok {
		s.t.Fatalf("script: no node %s", word)
	}
	return n
}

func (s *stage) nodes(words []string) (ns []sim.NodeRef) {
	for _, w := range words {
		ns = append(ns, s.node(w))
	}
	return ns
}

func hex(x id.ID) string { return x.Short()[:2] }

func (s *stage) name(n sim.NodeRef) string { return hex(s.Sim.Handle(n).ID) }

// send prints the way of a request.
func (s *stage) send(from sim.NodeRef, key id.ID) {
	o := s.ask(from, key, kbr.Options{Trace: true})
	if o.err != nil {
		fmt.Fprintln(&s.out, o.err)
		return
	}
	var way []string
	for _, h := range o.answer.Path {
		way = append(way, hex(h.Node.ID))
	}
	fmt.Fprintf(&s.out, "%s: answered by %s\n", strings.Join(way, " -> "), hex(o.by()))
}

// show prints what the live nodes know.
func (s *stage) show() {
	live := s.Live()
	slices.SortFunc(live, func(a, b sim.NodeRef) int { return s.Sim.Handle(a).ID.Cmp(s.Sim.Handle(b).ID) })
	for _, n := range live {
		v := s.View(n)
		state := "ready"
		switch {
		case s.Sim.Paused(n):
			state = "paused"
		case !v.Active:
			state = "joining"
		case !v.Ready:
			state = "not ready"
		}
		var left, right []string
		for _, h := range v.Left {
			left = append(left, hex(h.ID))
		}
		for _, h := range v.Right {
			right = append(right, hex(h.ID))
		}
		fmt.Fprintf(&s.out, "%s  %-9s  left %-5s  right %-5s  claims %s\n", s.name(n), state, strings.Join(left, " "), strings.Join(right, " "), s.claims(n))
	}
}

// claims returns the keys of the 8-bit ring that a node claims, as ranges.
func (s *stage) claims(n sim.NodeRef) string {
	var has [256]bool
	count := 0
	for x := range has {
		if has[x] = s.Node(n).Claims(s.Sim.Clocks(n), id.Tiny(uint8(x))); has[x] {
			count++
		}
	}
	switch count {
	case 0:
		return "nothing"
	case 256:
		return "all"
	}
	var parts []string
	for x := range 256 {
		if has[x] && !has[(x+255)%256] {
			end := x
			for has[(end+1)%256] {
				end = (end + 1) % 256
			}
			parts = append(parts, fmt.Sprintf("%02x to %02x", x, end))
		}
	}
	return strings.Join(parts, ", ")
}

// table prints a routing table: each entry in its row, at its digit.
func (s *stage) table(n sim.NodeRef) {
	rows := make(map[int][]string)
	last := 0
	for _, e := range s.View(n).Table {
		rows[e.Row] = append(rows[e.Row], hex(e.Node.ID))
		last = max(last, e.Row)
	}
	for r := range last + 1 {
		fmt.Fprintf(&s.out, "row %d: %s\n", r, strings.Join(rows[r], " "))
	}
}

// see prints a message that is delivered, if its kind is watched.
func (s *stage) see(from, to sim.NodeRef, m wire.Message) {
	kind, text := describe(m)
	if s.watched[kind] {
		fmt.Fprintf(&s.out, "  %s>%s %s%s\n", s.name(from), s.name(to), kind, text)
	}
}

// describe returns a message's name, and what of it matters to a reader.
func describe(m wire.Message) (kind, text string) {
	kind = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", m), "*msg."))
	add := func(format string, args ...any) { text += " " + fmt.Sprintf(format, args...) }
	switch m := m.(type) {
	case *msg.Hop:
		if r := m.Route; r != nil && r.Join {
			return "join", " request of " + hex(r.Origin.ID)
		}
	case *msg.JoinReply:
		for _, h := range m.Leaf {
			add("%s,", hex(h.ID))
		}
	case *msg.Introduce:
		add("%s", hex(m.Joiner.ID))
	case *msg.Lease:
		if m.Grant != 0 {
			add("granted for %v,", time.Duration(m.Length)*time.Millisecond)
		}
		if m.Deny != 0 {
			add("denied,")
		}
		if m.Release != 0 {
			add("given up,")
		}
		if m.Ask != 0 {
			add("asked for %v,", time.Duration(m.For)*time.Millisecond)
		}
	case *msg.LeafProbe:
		if m.Reply {
			add("reply,")
		}
		for _, f := range m.Failed {
			add("%s is dead,", hex(f.Node))
		}
	}
	return kind, strings.TrimSuffix(text, ",")
}
