package main

import (
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// Sizes of the drawing, in pixels.
const (
	boxHeight  = 34
	rowHeight  = 84
	boxGap     = 26
	bandWidth  = 120 // margin at the left for the names of the bands
	letter     = 8.2 // width of a letter in a box, taken generously
	wireWidth  = 16  // room that an arrow takes when it passes a row
	topMargin  = 70
	sideMargin = 30
)

// place is a box, or a point where a long arrow passes a row (name is empty).
type place struct {
	name     string
	row      int
	x, width float64 // centre and width
	up, down []*place
}

// arrow is an import as it is drawn: from a box over passing points to a box.
type arrow struct{ points []*place }

// layout is the drawing before it is written down.
type layout struct {
	rows   [][]*place
	bands  []string // band of each row
	arrows []arrow
	width  float64
}

// arrange puts the boxes into rows by band, orders each row so that few arrows
// cross, and gives each box its place. It is the usual layered drawing of
// Sugiyama, and gives the same picture for the same graph.
func arrange(table *layers.Table, g graph) *layout {
	l := &layout{}
	boxes := l.rowsOf(table, g)
	for _, from := range g.names {
		for _, to := range g.direct(from) {
			if boxes[to] != nil {
				l.connect(boxes[from], boxes[to])
			}
		}
	}
	l.order()
	l.spread()
	return l
}

// rowsOf gives each band as many rows as it has steps of imports inside it.
func (l *layout) rowsOf(table *layers.Table, g graph) map[string]*place {
	band := func(name string) string {
		if r := table.Find(name); r != nil {
			return r.Band
		}
		return ""
	}
	var depth func(name string) int
	depth = func(name string) int {
		d := 0
		for _, to := range g.imports[name] {
			if band(to) == band(name) {
				d = max(d, depth(to)+1)
			}
		}
		return d
	}
	boxes := map[string]*place{}
	for _, b := range table.Bands {
		members := slices.DeleteFunc(slices.Clone(g.names), func(n string) bool { return band(n) != b })
		if len(members) == 0 {
			continue
		}
		deepest := 0
		for _, n := range members {
			deepest = max(deepest, depth(n))
		}
		first := len(l.rows)
		for range deepest + 1 {
			l.rows, l.bands = append(l.rows, nil), append(l.bands, b)
		}
		for _, n := range members {
			row := first + deepest - depth(n)
			p := &place{name: n, row: row, width: max(64, float64(len(n))*letter+22)}
			boxes[n] = p
			l.rows[row] = append(l.rows[row], p)
		}
	}
	return boxes
}

// connect draws an arrow from a box to one in a lower row, with a passing point in each row between.
func (l *layout) connect(from, to *place) {
	a := arrow{points: []*place{from}}
	last := from
	for row := from.row + 1; row <= to.row; row++ {
		next := to
		if row < to.row {
			next = &place{row: row, width: wireWidth}
			l.rows[row] = append(l.rows[row], next)
		}
		last.down = append(last.down, next)
		next.up = append(next.up, last)
		a.points = append(a.points, next)
		last = next
	}
	l.arrows = append(l.arrows, a)
}

// order sorts each row by the middle of its neighbours above, then below, many
// times, and keeps the order with the fewest crossings.
func (l *layout) order() {
	best, fewest := l.snapshot(), l.crossings()
	for round := range 40 {
		down := round%2 == 0
		for i := range l.rows {
			row := i
			if !down {
				row = len(l.rows) - 1 - i
			}
			l.sortRow(row, down)
		}
		if c := l.crossings(); c < fewest {
			best, fewest = l.snapshot(), c
		}
	}
	l.rows = best
}

func (l *layout) snapshot() [][]*place {
	rows := make([][]*place, len(l.rows))
	for i, r := range l.rows {
		rows[i] = slices.Clone(r)
	}
	return rows
}

func (l *layout) sortRow(row int, byUpper bool) {
	at := map[*place]float64{}
	for _, r := range l.rows {
		for i, p := range r {
			at[p] = float64(i) / float64(len(r))
		}
	}
	middle := map[*place]float64{}
	for _, p := range l.rows[row] {
		near := p.down
		if byUpper {
			near = p.up
		}
		middle[p] = at[p]
		if len(near) > 0 {
			sum := 0.0
			for _, n := range near {
				sum += at[n]
			}
			middle[p] = sum / float64(len(near))
		}
	}
	slices.SortStableFunc(l.rows[row], func(a, b *place) int { return cmp.Compare(middle[a], middle[b]) })
}

// crossings counts the pairs of arrows that cross between two rows.
func (l *layout) crossings() int {
	count := 0
	for row := range len(l.rows) - 1 {
		below := map[*place]int{}
		for i, p := range l.rows[row+1] {
			below[p] = i
		}
		var ends []int // positions below of all arrows so far, from left to right
		for _, p := range l.rows[row] {
			for _, d := range p.down {
				for _, e := range ends {
					if e > below[d] {
						count++
					}
				}
			}
			for _, d := range p.down {
				ends = append(ends, below[d])
			}
		}
	}
	return count
}

// spread gives each place its x: as near to the middle of its neighbours as the order and the gaps allow.
func (l *layout) spread() {
	for _, row := range l.rows {
		l.placeRow(row, func(*place) float64 { return 0 })
	}
	for range 30 {
		for _, row := range l.rows {
			l.placeRow(row, func(p *place) float64 { return centre(p.up, p.down, p.x) })
		}
		for _, row := range slices.Backward(l.rows) {
			l.placeRow(row, func(p *place) float64 { return centre(p.down, p.up, p.x) })
		}
	}
	left, right := 0.0, 0.0
	for _, row := range l.rows {
		for _, p := range row {
			left, right = min(left, p.x-p.width/2), max(right, p.x+p.width/2)
		}
	}
	for _, row := range l.rows {
		for _, p := range row {
			p.x += bandWidth + sideMargin - left
		}
	}
	l.width = right - left + bandWidth + 2*sideMargin
}

// centre is the middle of the first neighbours, drawn a little to the others.
func centre(first, second []*place, own float64) float64 {
	sum, weight := own*0.2, 0.2
	for _, p := range first {
		sum, weight = sum+p.x, weight+1
	}
	for _, p := range second {
		sum, weight = sum+0.5*p.x, weight+0.5
	}
	return sum / weight
}

// placeRow puts the places of a row next to where they want to be, in their
// order and with gaps: the least squares under these conditions, by pooling
// neighbours that push each other.
func (l *layout) placeRow(row []*place, wish func(*place) float64) {
	type pool struct {
		sum   float64
		count int
	}
	var pools []pool
	offset := make([]float64, len(row)) // where each place lies if all stand shoulder to shoulder
	for i, p := range row {
		if i > 0 {
			offset[i] = offset[i-1] + row[i-1].width/2 + p.width/2 + boxGap
		}
	}
	for i, p := range row {
		pools = append(pools, pool{wish(p) - offset[i], 1})
		for n := len(pools); n > 1 && pools[n-2].sum/float64(pools[n-2].count) > pools[n-1].sum/float64(pools[n-1].count); n = len(pools) {
			pools[n-2] = pool{pools[n-2].sum + pools[n-1].sum, pools[n-2].count + pools[n-1].count}
			pools = pools[:n-1]
		}
	}
	i := 0
	for _, pl := range pools {
		for range pl.count {
			row[i].x = pl.sum/float64(pl.count) + offset[i]
			i++
		}
	}
}
