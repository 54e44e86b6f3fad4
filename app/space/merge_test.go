package space_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// part is a machine in one part of a ring, with a space that was open before the ring parted.
type part struct {
	*member
	sp *space.Space
}

// parted makes a ring of parts that have lost sight of each other for so long that each is sure to
// be all there is, and a space that was open in all of them, and empty.
func parted(t *testing.T, seed uint64, parts, each int, f space.Founding) (w *world, machines []*part) {
	w = newWorld(t, parts*each, seed)
	h := w.members[0].create(f)
	machines = opened(h, w.members[:parts]...)
	w.part(parts)
	return w, machines
}

// opened are machines on which ann has opened a space.
func opened(h space.Handle, members ...*member) (machines []*part) {
	for _, m := range members {
		p := &part{member: m}
		m.must("open", func(t *task.T) (err error) { p.sp, err = m.spaces.Open(t, ann, h); return err })
		machines = append(machines, p)
	}
	return machines
}

// alone takes one machine out of the others' sight, for so long that each side knows it.
func (w *world) alone(p *part) {
	w.cutOff(p)
	w.net.Run(25 * time.Minute)
}

// cutOff ends the links between one machine and the others.
func (w *world) cutOff(p *part) {
	var most []*kbrtest.Node
	for _, m := range w.members {
		if m.node != p.node {
			most = append(most, m.node)
		}
	}
	w.net.Partition(most, []*kbrtest.Node{p.node})
}

func (w *world) part(parts int) {
	groups := make([][]*kbrtest.Node, parts)
	for i, m := range w.members {
		groups[i%parts] = append(groups[i%parts], m.node)
	}
	w.net.Partition(groups...)
	w.net.Run(25 * time.Minute)
}

func (w *world) meet() {
	w.net.Heal()
	w.net.Run(2 * time.Minute)
}

func (p *part) puts(name, content string) {
	p.w.t.Helper()
	p.must("put "+name, func(t *task.T) error {
		_, err := putting(t, p.sp, name, []byte(content), space.Cond{})
		return err
	})
}

// has are all names of the space with the contents of their versions, the current one first; a
// mark of a removal is "-".
func (p *part) has() map[string][]string {
	p.w.t.Helper()
	all := make(map[string][]string)
	p.must("look", func(t *task.T) error {
		return p.sp.Look(t, func(sn space.Snapshot) error {
			var es []*tree.Entry
			if err := sn.Scan("", func(e *tree.Entry) (string, bool) { es = append(es, e); return "", true }); err != nil {
				return err
			}
			clear(all)
			for _, e := range es {
				for _, v := range e.Versions {
					if v.Removed {
						all[e.Name] = append(all[e.Name], "-")
						continue
					}
					b, err := p.spaces.ReadAt(t, v.Content, 0, int(v.Size()))
					if err != nil {
						return fmt.Errorf("%s, version %d: %w", e.Name, v.Number, err)
					}
					all[e.Name] = append(all[e.Name], string(b))
				}
			}
			return nil
		})
	})
	return all
}

// mustHave fails unless all machines see this in the space.
func mustHave(t *testing.T, machines []*part, want map[string][]string) {
	t.Helper()
	for i, p := range machines {
		if got := p.has(); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Errorf("machine %d sees %q\nwant %q", i, got, want)
		}
	}
}

// TestPartsOfSpaceMeet: each part of a ring has put files into one space. When they meet all files
// are there, and of what both put under one name the later one is current.
func TestPartsOfSpaceMeet(t *testing.T) {
	simtest.WithoutRace(t)
	w, m := parted(t, 60, 2, 6, space.Founding{Name: "x"})
	a, b := m[0], m[1]
	a.puts("both", "a's")
	a.puts("only/a", "a")
	a.puts("both too", "a's, later replaced")
	a.puts("way", "a's file")
	b.puts("only/b", "b")
	b.puts("both too", "b's")
	b.puts("both", "b's, later")
	b.puts("way/on", "below b's folder")
	a.puts("both too", "a's, later")
	w.meet()
	got := a.has()
	way, folder := "way", "way (2)/on"
	if got["way"] == nil {
		way, folder = "way (2)", "way/on"
	}
	want := map[string][]string{
		"both": {"b's, later", "a's"}, "both too": {"a's, later", "b's"}, "only/a": {"a"}, "only/b": {"b"},
		way: {"a's file"}, folder: {"below b's folder"},
	}
	mustHave(t, m, want)
	w.net.Run(3 * time.Hour)
	mustHave(t, m, want)
	b.puts("both", "the end")
	want["both"] = []string{"the end"}
	mustHave(t, m, want)
}

// TestListsOfSpacesMeet: on machines in parts of a ring somebody has made spaces. When these meet,
// all are on his list.
func TestListsOfSpacesMeet(t *testing.T) {
	w := newWorld(t, 12, 64)
	w.part(2)
	long := strings.Repeat("x", space.MaxSpaceName)
	for i, m := range w.members[:2] {
		for _, name := range []string{"files", fmt.Sprint("of part ", i), long} {
			h := m.create(space.Founding{Name: name})
			m.must("add", func(t *task.T) error { return m.spaces.Add(t, ann, space.Entry{Name: name, Handle: h}) })
		}
	}
	w.meet()
	lists := func(want ...string) {
		t.Helper()
		for i, m := range w.members {
			var names []string
			handles := make(map[space.Handle]bool)
			m.must("list", func(t *task.T) error {
				es, err := m.spaces.List(t, ann)
				for _, e := range es {
					names = append(names, e.Name)
					handles[e.Handle] = true
				}
				return err
			})
			if !slices.Equal(names, want) || len(handles) != len(want) {
				t.Errorf("machine %d lists %q, %d spaces, want %q", i, names, len(handles), want)
			}
		}
	}
	lists("files", "files (2)", "of part 0", "of part 1", long[4:]+" (2)", long)
	w.members[1].must("forget", func(t *task.T) error { return w.members[1].spaces.Forget(t, ann, "of part 0") })
	lists("files", "files (2)", "of part 1", long[4:]+" (2)", long)
}

// TestUnseenOfOtherPart: who began an upload before parts of the ring met has seen nothing of what
// the other part put under the name, whatever number that has, and no condition about a number
// of his part lets him replace it.
func TestUnseenOfOtherPart(t *testing.T) {
	w, m := parted(t, 61, 2, 6, space.Founding{Name: "x"})
	for i, p := range m {
		for j := range 5 {
			p.puts(fmt.Sprintf("%d %d", i, j), fmt.Sprint("of ", i))
		}
		p.puts("both", fmt.Sprint("version 6 of ", i))
	}
	uploads := make([]*space.Upload, 2)
	for i, p := range m {
		p.must("begin", func(t *task.T) error {
			uploads[i] = p.sp.Begin(space.Storing{Copies: 3})
			return uploads[i].Write(t, []byte(fmt.Sprint("late ", i)))
		})
	}
	w.meet()
	want := []string{"late 0", "late 1"}
	replaced := 0
	for i, p := range m {
		stays := fmt.Sprint("version 6 of ", i)
		err := p.do(func(t *task.T) error {
			_, err := putting(t, p.sp, "both", []byte(fmt.Sprint("version 7 of ", i)), space.Cond{Version: 6})
			return err
		})
		if err == nil { // his own root won, and so he has replaced what he meant
			replaced++
			stays = fmt.Sprint("version 7 of ", i)
		} else {
			wantErr(t, "a change of a number of another part", err, space.ErrChanged)
		}
		want = append(want, stays)
		p.must("put", func(t *task.T) error {
			whole, err := uploads[i].Finish(t)
			if err != nil {
				return err
			}
			f := space.File{Content: whole, Copies: 3, Seen: uploads[i].Seen()}
			uploads[i].Keep()
			if _, _, err := p.sp.Put(t, fmt.Sprintf("%d 3", 1-i), f, space.Cond{}); err != nil {
				return err
			}
			_, _, err = p.sp.Put(t, "both", f, space.Cond{})
			return err
		})
	}
	if replaced > 1 {
		t.Error("both have replaced version 6")
	}
	for i, p := range m {
		all := p.has()
		for j := range m {
			name, want := fmt.Sprintf("%d 3", 1-j), []string{fmt.Sprint("late ", j), fmt.Sprint("of ", 1-j)}
			if !slices.Equal(all[name], want) {
				t.Errorf("machine %d sees %q under %s, which one part alone had, want %q", i, all[name], name, want)
			}
		}
		got := all["both"]
		if len(got) == 0 || got[0] != "late 1" {
			t.Errorf("machine %d sees %q, want late 1 first", i, got)
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("machine %d sees %q, want %q", i, got, want)
		}
	}
}

// TestPartsWithHistoryMeet: of what one part removed and the other put, the file is current, and
// the versions of both stay.
func TestPartsWithHistoryMeet(t *testing.T) {
	w, m := parted(t, 62, 2, 6, space.Founding{Name: "x"})
	for i, p := range m {
		p.must("history", func(t *task.T) error { return p.sp.SetHistory(t, true) })
		p.puts("f", fmt.Sprint("first ", i))
		p.puts("f", fmt.Sprint("second ", i))
	}
	m[0].must("remove", func(t *task.T) error { _, err := m[0].sp.Remove(t, "f", 0, space.Cond{}); return err })
	w.meet()
	mustHave(t, m, map[string][]string{"f": {"second 1", "-", "first 1", "second 0", "first 0"}})
}

// TestLongNamesMeet: also a name that is as long as can be is kept where one part has made a file
// of the folder in which it is.
func TestLongNamesMeet(t *testing.T) {
	w, m := parted(t, 63, 2, 6, space.Founding{Name: "x"})
	long := strings.Repeat("ü", (tree.MaxName-2)/2)
	m[0].puts("a", "file")
	m[1].puts("a/"+long, "below")
	m[1].puts("a/"+long[:tree.MaxName-10], "also below")
	w.meet()
	var contents []string
	got := m[0].has()
	for name, vs := range got {
		contents = append(contents, vs...)
		if err := tree.CheckName(name); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(contents)
	if want := []string{"also below", "below", "file"}; !slices.Equal(contents, want) {
		t.Errorf("%q, want %q", contents, want)
	}
	mustHave(t, m, got)
}

// TestPartsOfSpaceInTrouble: two or three parts of a ring put files in one space while they part and
// meet, each under a name that it has not. All that were put are there in the end.
func TestPartsOfSpaceInTrouble(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 4, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 17))
		parts := 2 + rng.IntN(2)
		w, m := parted(t, seed, parts, 5, space.Founding{Name: "x"})
		var put []string // contents that are to be found
		for i := range 30 {
			switch i {
			case 12, 24:
				w.meet()
			case 18:
				w.part(parts)
			}
			p := m[rng.IntN(parts)]
			content := fmt.Sprint("content ", i)
			name := fmt.Sprint("name ", rng.IntN(8))
			err := p.do(func(t *task.T) error {
				_, err := putting(t, p.sp, name, []byte(content), space.Cond{Absent: true})
				return err
			})
			if err == nil {
				put = append(put, content)
			}
		}
		w.meet()
		for i, p := range m {
			all := []byte(fmt.Sprint(p.has()))
			for _, content := range put {
				if !bytes.Contains(bytes.ReplaceAll(all, []byte("]"), []byte(" ")), []byte(content+" ")) {
					t.Errorf("machine %d does not see %s: %s", i, content, all)
				}
			}
		}
		if len(put) < 4 {
			t.Errorf("only %d files were put", len(put))
		}
	})
}
