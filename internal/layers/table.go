package layers

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Module is the path of the module that the table describes.
const Module = "github.com/phyllo-net/phyllo"

//go:embed layers.txt
var tableText string

// The powers that a row of the table may give to a room.
const (
	Pure   = "pure"   // promises: no clock, no I/O, no goroutine, no channel, no randomness of its own
	Starts = "go"     // may start goroutines
	Crypto = "crypto" // may import crypto/* beyond hashes
	Tools  = "tools"  // stands outside the picture: may import anything
)

// Room is one row of the table.
type Room struct {
	Pattern string   // "pastry", or "app/*" for every package below app
	Band    string   // the layer in the picture, one of Table.Bands
	Powers  []string // Pure, Starts, Crypto, Tools
	May     []string // patterns of our own packages that it may import
	Tests   []string // what its tests may import besides; checked only if Strict
	Strict  bool     // the row says what the tests may import
	Why     string   // the reason for the row, shown with every finding on it
	Line    int      // line in the table's text
}

// Has says whether the row gives the room that power.
func (r *Room) Has(power string) bool { return slices.Contains(r.Powers, power) }

// Outside restricts modules of others (import paths that begin with Prefix) to
// some rooms, or, with Rooms {"pure"}, allows them in pure rooms.
type Outside struct {
	Prefix string   // an import path, or the beginning of one
	Rooms  []string // patterns of the rooms that may import it
	Why    string   // the reason, shown with every finding
}

// Table is the picture of the house as data.
type Table struct {
	Module  string              // module path in front of every package of ours
	Bands   []string            // layers, top first
	Groups  map[string][]string // short names for sets of rooms
	Rooms   []Room              // in the order of the text
	Only    []Outside           // modules that only some rooms may import
	PureMay []Outside           // modules that pure rooms may import; all others are refused there
}

// House is the table of this repository.
func House() (*Table, error) { return ParseTable(Module, tableText) }

// ParseTable reads a table. A line is empty, a comment (#) or one of
//
//	bands NAME…
//	group NAME = ROOM…
//	room PATTERN | BAND | POWERS | MAY IMPORT [(tests: ROOM…)] | WHY
//	only IMPORT PREFIX | ROOM… | WHY
//	pure-may IMPORT PREFIX | WHY
//
// where "-" stands for nothing. An error names the line.
func ParseTable(module, text string) (*Table, error) {
	t := &Table{Module: module, Groups: map[string][]string{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if err := t.parseLine(verb, strings.TrimSpace(rest), i+1); err != nil {
			return nil, fmt.Errorf("layer table line %d: %w", i+1, err)
		}
	}
	if len(t.Rooms) == 0 {
		return nil, fmt.Errorf("layer table: no room")
	}
	return t, t.checkArrows()
}

// checkArrows sees to it that no row lets a room import one in a higher band,
// or a room that stands in no row.
func (t *Table) checkArrows() error {
	for _, r := range t.Rooms {
		for _, to := range slices.Concat(r.May, r.Tests) {
			found := false
			for _, other := range t.Rooms {
				if !match(to, other.Pattern) {
					continue
				}
				found = true
				if slices.Contains(r.May, to) && slices.Index(t.Bands, other.Band) < slices.Index(t.Bands, r.Band) {
					return fmt.Errorf("layer table line %d: the arrow from %s to %s points up, from band %s to %s",
						r.Line, r.Pattern, other.Pattern, r.Band, other.Band)
				}
			}
			if !found {
				return fmt.Errorf("layer table line %d: %s may import %s, which stands in no row", r.Line, r.Pattern, to)
			}
		}
	}
	return nil
}

func (t *Table) parseLine(verb, rest string, line int) error {
	cols := strings.Split(rest, "|")
	for i := range cols {
		cols[i] = strings.TrimSpace(cols[i])
	}
	switch verb {
	case "bands":
		t.Bands = strings.Fields(rest)
		return nil
	case "group":
		name, members, ok := strings.Cut(rest, "=")
		if !ok {
			return fmt.Errorf("want: group NAME = ROOM…")
		}
		t.Groups[strings.TrimSpace(name)] = strings.Fields(members)
		return nil
	case "room":
		return t.parseRoom(cols, line)
	case "only":
		if len(cols) != 3 || cols[2] == "" {
			return fmt.Errorf("want 3 columns: import prefix | rooms | why")
		}
		t.Only = append(t.Only, Outside{Prefix: cols[0], Rooms: t.words(cols[1]), Why: cols[2]})
		return nil
	case "pure-may":
		if len(cols) != 2 || cols[1] == "" {
			return fmt.Errorf("want 2 columns: import prefix | why")
		}
		t.PureMay = append(t.PureMay, Outside{Prefix: cols[0], Why: cols[1]})
		return nil
	}
	return fmt.Errorf("unknown word %q", verb)
}

func (t *Table) parseRoom(cols []string, line int) error {
	if len(cols) != 5 {
		return fmt.Errorf("want 5 columns: room | band | powers | may import | why; found %d", len(cols))
	}
	r := Room{Pattern: cols[0], Band: cols[1], Powers: t.words(cols[2]), Why: cols[4], Line: line}
	if r.Why == "" {
		return fmt.Errorf("room %s has no reason", r.Pattern)
	}
	if !slices.Contains(t.Bands, r.Band) {
		return fmt.Errorf("room %s stands in band %q, which is none of %v", r.Pattern, r.Band, t.Bands)
	}
	for _, p := range r.Powers {
		if !slices.Contains([]string{Pure, Starts, Crypto, Tools}, p) {
			return fmt.Errorf("room %s: unknown power %q", r.Pattern, p)
		}
	}
	if r.Has(Pure) && (r.Has(Starts) || r.Has(Crypto)) {
		return fmt.Errorf("room %s: a pure room has no other power", r.Pattern)
	}
	for _, other := range t.Rooms {
		if other.Pattern == r.Pattern {
			return fmt.Errorf("room %s stands twice, also on line %d", r.Pattern, other.Line)
		}
	}
	may, tests, strict := strings.Cut(cols[3], "(tests:")
	r.May, r.Strict = t.words(may), strict
	r.Tests = t.words(strings.TrimSuffix(strings.TrimSpace(tests), ")"))
	t.Rooms = append(t.Rooms, r)
	return nil
}

// words splits a column and replaces the names of groups by their members.
func (t *Table) words(column string) []string {
	var out []string
	for _, w := range strings.Fields(column) {
		switch members, ok := t.Groups[w]; {
		case w == "-":
		case ok:
			out = append(out, members...)
		default:
			out = append(out, w)
		}
	}
	return out
}

// Find gives the row of a package, by its path inside the module: the row that
// names it exactly, else the one with the longest matching pattern; nil if none.
func (t *Table) Find(rel string) *Room {
	var best *Room
	for i := range t.Rooms {
		r := &t.Rooms[i]
		if match(r.Pattern, rel) && (best == nil || weight(r.Pattern) > weight(best.Pattern)) {
			best = r
		}
	}
	return best
}

// Rel gives the path of a package inside the module, and whether it is ours.
func (t *Table) Rel(importPath string) (string, bool) {
	if importPath == t.Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, t.Module+"/")
}

// match says whether a package path fits a pattern: equal, or below "x/*".
func match(pattern, rel string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(rel, parent+"/")
	}
	return pattern == rel
}

func matchAny(patterns []string, rel string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, rel) })
}

// weight makes an exact name win over a pattern, and a longer pattern over a shorter one.
func weight(pattern string) int {
	if strings.HasSuffix(pattern, "/*") {
		return len(pattern)
	}
	return 1000 + len(pattern)
}
