package experiment

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// Plot is a picture of lines over numbers.
type Plot struct {
	Title, X, Y string
	LogX        bool
	Series      []Series
}

// Series is one line of a plot.
type Series struct {
	Name   string
	Points [][2]float64 // x and y
	Dashed bool         // what was published, or a bound
}

// The plot's measures, in pixels.
const (
	plotWidth, plotHeight                 = 640, 400
	plotLeft, plotRight, plotTop, plotLow = 64, 16, 40, 56
)

// colours are told apart also by people who see no red or no green (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// SVG draws the plot.
func (p *Plot) SVG() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="15">%s</text>`+"\n",
		plotWidth, plotHeight, plotLeft, escape(p.Title))
	x, y := p.axes()
	for _, t := range y.ticks() {
		at := y.at(t)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, plotWidth-plotRight, at, at, plotLeft-6, at+4, Number(t))
	}
	for _, t := range x.ticks() {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x.at(t), plotHeight-plotLow+18, Number(t))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (plotLeft+plotWidth)/2, plotHeight-plotLow+36, escape(p.X))
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (plotTop+plotHeight-plotLow)/2, escape(p.Y))
	for i, s := range p.Series {
		p.draw(&b, s, colours[i%len(colours)], i, x, y)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (p *Plot) draw(b *strings.Builder, s Series, colour string, i int, x, y axis) {
	dash := ""
	if s.Dashed {
		dash = ` stroke-dasharray="5 4"`
	}
	var line strings.Builder
	for _, q := range s.Points {
		fmt.Fprintf(&line, "%.1f,%.1f ", x.at(q[0]), y.at(q[1]))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.TrimSpace(line.String()), colour, dash)
	if !s.Dashed {
		for _, q := range s.Points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x.at(q[0]), y.at(q[1]), colour)
		}
		b.WriteString("\n")
	}
	top := plotTop + 16*i
	fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="2"%s/><text x="%d" y="%d">%s</text>`+"\n",
		plotWidth-220, plotWidth-196, top, top, colour, dash, plotWidth-190, top+4, escape(s.Name))
}

// axis maps values to pixels.
type axis struct {
	low, high float64
	from, to  float64 // pixels of low and high
	log       bool
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// ticks are round numbers in the range: powers of ten, or steps of 1, 2 or 5.
func (a axis) ticks() []float64 {
	var out []float64
	if a.log {
		for t := math.Pow(10, math.Ceil(math.Log10(a.low)-1e-9)); t <= a.high*1.0001; t *= 10 {
			out = append(out, t)
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/4)))
	for _, k := range []float64{5, 2} {
		if (a.high-a.low)/(step*k) >= 4 {
			step *= k
			break
		}
	}
	for i := math.Ceil(a.low/step - 1e-9); i*step <= a.high*1.0001; i++ {
		out = append(out, i*step+0) // no tick says -0
	}
	return out
}

// axes span all points; the one upwards begins at zero where all are above.
func (p *Plot) axes() (x, y axis) {
	x = axis{low: math.Inf(1), high: math.Inf(-1), from: plotLeft, to: plotWidth - plotRight, log: p.LogX}
	y = axis{low: 0, high: math.Inf(-1), from: plotHeight - plotLow, to: plotTop}
	for _, s := range p.Series {
		for _, q := range s.Points {
			x.low, x.high = min(x.low, q[0]), max(x.high, q[0])
			y.low, y.high = min(y.low, q[1]), max(y.high, q[1])
		}
	}
	for _, a := range []*axis{&x, &y} {
		if !(a.high > a.low) { // one point, or none
			a.high = a.low + 1
		}
	}
	y.high *= 1.08
	return x, y
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes all
	return b.String()
}

// PlotName is the file of the picture number i, counted from 0, where the first one
// is to be called name.
func PlotName(name string, i int) string {
	if i == 0 {
		return name
	}
	stem, ok := strings.CutSuffix(name, ".svg")
	if !ok {
		return fmt.Sprintf("%s-%d", name, i+1)
	}
	return fmt.Sprintf("%s-%d.svg", stem, i+1)
}
