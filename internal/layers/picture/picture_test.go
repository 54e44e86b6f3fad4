package main

import (
	"bytes"
	"encoding/xml"
	"html"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// full is a graph like that of the finished house.
const full = `
id:
wire: id
peer: id wire
task: id peer
kbr: id peer task wire
machine: id peer task wire
store: id
store/mem: store
store/disk: store
pastry: id kbr machine peer task wire
app/directory: id kbr peer store task wire
app/im: app/directory id kbr peer store task wire
sim/topo: id
sim: id machine peer sim/topo task wire
transport: id peer wire
transport/mem: id peer transport
transport/libp2p: id keys peer transport wire
keys: id peer wire
member: id keys peer store transport wire
host: id machine peer task transport wire
api: id
ui:
gateway/control: api app/im id
gateway/web: api app/directory app/im ui
node: api app/directory app/im gateway/control gateway/web host id keys kbr machine member pastry peer store store/disk task transport transport/libp2p ui wire
lab: app/directory app/im id kbr keys machine pastry peer sim sim/topo store store/mem task ui wire
cmd/phyllo: api node
examples/echo: id kbr wire
`

func readText(t *testing.T, text string) graph {
	t.Helper()
	g := graph{imports: map[string][]string{}}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("no colon in line %q", line)
		}
		g.names = append(g.names, name)
		g.imports[name] = strings.Fields(rest)
	}
	slices.Sort(g.names)
	return g
}

func house(t *testing.T) *layers.Table {
	t.Helper()
	table, err := layers.House()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestCommittedPicture: the picture in the documents shows the imports that the code has.
func TestCommittedPicture(t *testing.T) {
	const root = "../../.."
	g, err := readGraph(house(t), root)
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(root + "/docs/rooms.svg")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(svg), graphBegin)
	drawn, _, ok2 := strings.Cut(rest, graphEnd)
	if !ok || !ok2 {
		t.Fatal("docs/rooms.svg holds no graph: run make picture")
	}
	if diff := cmp.Diff(html.UnescapeString(drawn), g.String()); diff != "" {
		t.Errorf("docs/rooms.svg is older than the code: run make picture (-drawn +code):\n%s", diff)
	}
	if len(g.names) < 5 {
		t.Errorf("the graph holds %d packages only", len(g.names))
	}
}

// TestDirect: an import that follows from the others is not drawn, all others are.
func TestDirect(t *testing.T) {
	g := readText(t, full)
	for name, want := range map[string][]string{
		"id":     nil,
		"peer":   {"wire"},
		"kbr":    {"task"},
		"pastry": {"kbr", "machine"},
		"app/im": {"app/directory"},
		"member": {"keys", "store", "transport"},
	} {
		if got := g.direct(name); !slices.Equal(got, want) {
			t.Errorf("drawn imports of %s: %v, want %v", name, got, want)
		}
	}
}

// TestLayout: every arrow points down, no two boxes touch, and each box lies inside the paper.
func TestLayout(t *testing.T) {
	g := readText(t, full)
	l := arrange(house(t), g)
	boxes := 0
	for _, row := range l.rows {
		for i, p := range row {
			if p.name != "" {
				boxes++
			}
			if p.x-p.width/2 < bandWidth || p.x+p.width/2 > l.width {
				t.Errorf("%q lies outside the paper: x %.0f, paper %.0f", p.name, p.x, l.width)
			}
			if i > 0 && row[i-1].x+row[i-1].width/2 > p.x-p.width/2-boxGap+0.01 {
				t.Errorf("%q and %q touch", row[i-1].name, p.name)
			}
		}
	}
	if boxes != len(g.names) {
		t.Errorf("%d boxes for %d packages", boxes, len(g.names))
	}
	drawn := 0
	for _, n := range g.names {
		drawn += len(g.direct(n))
	}
	if len(l.arrows) != drawn {
		t.Errorf("%d arrows, want %d", len(l.arrows), drawn)
	}
	for _, a := range l.arrows {
		for i := range len(a.points) - 1 {
			if a.points[i+1].row != a.points[i].row+1 {
				t.Errorf("the arrow from %s goes from row %d to %d", a.points[0].name, a.points[i].row, a.points[i+1].row)
			}
		}
	}
}

// TestRender: the picture is well-formed, names each package, and is the same each time.
func TestRender(t *testing.T) {
	g, table := readText(t, full), house(t)
	svg := render(table, g)
	if !bytes.Equal(svg, render(table, g)) {
		t.Error("two pictures of one graph differ")
	}
	if err := xml.Unmarshal(svg, new(struct{})); err != nil {
		t.Errorf("not well-formed: %v", err)
	}
	for _, n := range g.names {
		if !bytes.Contains(svg, []byte(">"+n+"</text>")) {
			t.Errorf("%s is not in the picture", n)
		}
	}
}
