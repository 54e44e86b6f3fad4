package console

import (
	"strings"

	"github.com/skip2/go-qrcode"
)

// QR draws a text as a picture for a camera, on a terminal that has room for it.
func (w *World) QR(text string) {
	if w.Columns == 0 || !w.wide() {
		return
	}
	code, err := qrcode.New(strings.ToUpper(text), qrcode.Low) // upper case makes it smaller
	if err != nil {
		return // too long for a picture: the line itself was printed
	}
	if dots := code.Bitmap(); len(dots) <= w.Columns {
		w.Printf("%s\n", strings.Join(halfBlocks(dots, w.colour()), "\n"))
	}
}

// halfBlocks draws two rows of dots in each line of text. Light dots are drawn, dark
// ones are the ground; with colour both are fixed, so that it can be read on a light
// terminal too.
func halfBlocks(dots [][]bool, colour bool) []string {
	var rows []string
	dark := func(y, x int) bool { return y < len(dots) && dots[y][x] }
	for y := 0; y < len(dots); y += 2 {
		var b strings.Builder
		if colour {
			b.WriteString("\x1b[97;40m")
		}
		for x := range dots[y] {
			switch up, down := dark(y, x), dark(y+1, x); {
			case up && down:
				b.WriteRune(' ')
			case up:
				b.WriteRune('▄')
			case down:
				b.WriteRune('▀')
			default:
				b.WriteRune('█')
			}
		}
		if colour {
			b.WriteString("\x1b[0m")
		}
		rows = append(rows, b.String())
	}
	return rows
}
