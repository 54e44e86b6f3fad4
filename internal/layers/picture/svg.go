package main

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// The picture brings its own background, so it is legible on a page of any
// colour, and a dark dress for readers who asked for one.
const style = `
.paper{fill:#fdfcf8}.band{fill:#f1efe6}.bandname{fill:#5d5a4e;font-size:13px;letter-spacing:.04em}
.title{fill:#2b2a25;font-size:16px;font-weight:600}.note{fill:#5d5a4e;font-size:12.5px}
.box{stroke-width:1.2}.name{fill:#1f1e1a;font-size:13.5px;text-anchor:middle}
.pure{fill:#dcefd8;stroke:#5b8f52}.edge{fill:#fbe3cf;stroke:#c07a3a}.plain{fill:#e3e7f3;stroke:#6a78a8}
.arrow{fill:none;stroke:#7d7a6e;stroke-width:1.1}.head{fill:#7d7a6e}
@media (prefers-color-scheme:dark){
.paper{fill:#1c1d20}.band{fill:#26272b}.bandname,.note{fill:#b5b3aa}.title{fill:#efede6}.name{fill:#f3f1ea}
.pure{fill:#274a2b;stroke:#7dbb74}.edge{fill:#5a3a1e;stroke:#dd9a5c}.plain{fill:#2f3854;stroke:#8fa0d6}
.arrow{stroke:#9a978b}.head{fill:#9a978b}}`

// Marks between which the graph stands in the file.
const (
	graphBegin = "<metadata id=\"graph\">\n"
	graphEnd   = "</metadata>"
)

// render writes the picture as SVG.
func render(table *layers.Table, g graph) []byte {
	l := arrange(table, g)
	height := topMargin + float64(len(l.rows))*rowHeight + 20
	width := max(l.width, 760)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="The rooms of phyllo and the imports between them" font-family="system-ui,'DejaVu Sans',sans-serif">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "%s%s%s\n<style>%s\n</style>\n", graphBegin, html.EscapeString(g.String()), graphEnd, style)
	b.WriteString(`<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0,0.8 L8,4 L0,7.2 z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect class="paper" width="%.0f" height="%.0f" rx="10"/>`+"\n", width, height)
	legend(&b)
	l.drawBands(&b, width)
	for _, a := range l.arrows {
		fmt.Fprintf(&b, `<path class="arrow" marker-end="url(#head)" d="%s"/>`+"\n", a.path())
	}
	for _, row := range l.rows {
		for _, p := range row {
			if p.name != "" {
				p.draw(&b, table.Find(p.name))
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func legend(b *bytes.Buffer) {
	fmt.Fprintf(b, `<text class="title" x="%d" y="32">The rooms of phyllo</text>`+"\n", sideMargin-8)
	x := 220
	for _, k := range []struct{ class, says string }{{"pure", "pure"}, {"edge", "may start goroutines"}, {"plain", "neither"}} {
		fmt.Fprintf(b, `<rect class="box %s" x="%d" y="20" width="16" height="14" rx="3"/><text class="note" x="%d" y="31">%s</text>`+"\n", k.class, x, x+22, k.says)
		x += 46 + 7*len(k.says)
	}
	fmt.Fprintf(b, `<text class="note" x="%d" y="31">an arrow is an import; what follows from others is not drawn</text>`+"\n", x)
}

// drawBands draws a strip behind the rows of each band, with its name.
func (l *layout) drawBands(b *bytes.Buffer, width float64) {
	for row := 0; row < len(l.rows); {
		end := row
		for end < len(l.rows) && l.bands[end] == l.bands[row] {
			end++
		}
		y := topMargin + float64(row)*rowHeight
		fmt.Fprintf(b, `<rect class="band" x="12" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`+"\n", y-10, width-24, float64(end-row)*rowHeight-8)
		fmt.Fprintf(b, `<text class="bandname" x="%d" y="%.1f">%s</text>`+"\n", sideMargin-8, y+boxHeight/2+4, l.bands[row])
		row = end
	}
}

func (p *place) top() float64 { return topMargin + float64(p.row)*rowHeight }

func (p *place) draw(b *bytes.Buffer, room *layers.Room) {
	class := "plain"
	switch {
	case room.Has(layers.Pure):
		class = "pure"
	case room.Has(layers.Starts):
		class = "edge"
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect class="box %s" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="6"/><text class="name" x="%.1f" y="%.1f">%s</text></g>`+"\n",
		html.EscapeString(room.Why), class, p.x-p.width/2, p.top(), p.width, boxHeight, p.x, p.top()+boxHeight/2+5, html.EscapeString(p.name))
}

// path gives the arrow's line: straight past the rows on its way, bent between them.
func (a arrow) path() string {
	var b strings.Builder
	for i := range len(a.points) - 1 {
		from, to := a.points[i], a.points[i+1]
		x1, y1 := from.port(from.down, to), from.top()+boxHeight
		x2, y2 := to.port(to.up, from), to.top()
		if i == 0 {
			fmt.Fprintf(&b, "M%.1f,%.1f", x1, y1)
		} else {
			fmt.Fprintf(&b, " L%.1f,%.1f", x1, y1)
		}
		bend := (y2 - y1) * 0.55
		fmt.Fprintf(&b, " C%.1f,%.1f %.1f,%.1f %.1f,%.1f", x1, y1+bend, x2, y2-bend, x2, y2)
	}
	return b.String()
}

// port spreads the arrows at one side of a box over its middle, in the order of
// their other ends, so that the heads do not lie on each other.
func (p *place) port(side []*place, other *place) float64 {
	if p.name == "" || len(side) < 2 {
		return p.x
	}
	left := 0
	for _, s := range side {
		if s.x < other.x || s.x == other.x && s != other && s.row < other.row {
			left++
		}
	}
	span := min(p.width*0.7, float64(len(side)-1)*14)
	return p.x - span/2 + span*float64(left)/float64(len(side)-1)
}
