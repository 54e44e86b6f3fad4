package storage

import (
	"fmt"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// Parts says how many of the parts of what is stored have all their copies.
func Parts(c api.Copies) string {
	var text string
	switch {
	case c.Objects == 0 && c.Trouble == "":
		return "nothing"
	case c.Objects == 0:
		return plain.Clean(c.Trouble)
	case c.Whole == c.Objects:
		text = fmt.Sprintf("all copies of all %d parts are there", c.Objects)
	default:
		text = fmt.Sprintf("%d of %d parts have all copies", c.Whole, c.Objects)
		if c.Missing == 0 {
			text += ", the rest is made as machines join or come back"
		}
	}
	if c.OnlyHere > 0 {
		text += fmt.Sprintf("; %d on this computer alone", c.OnlyHere)
	}
	if c.Missing > 0 {
		text += fmt.Sprintf("; %d on no machine that answers now", c.Missing)
	}
	if c.Trouble != "" {
		text += "; " + plain.Clean(c.Trouble)
	}
	return text
}

// partsShort is partsText for a table.
func partsShort(c api.Copies) string {
	text := "all"
	if c.Whole < c.Objects {
		text = fmt.Sprintf("%d of %d parts have all", c.Whole, c.Objects)
	}
	if c.OnlyHere > 0 {
		text += fmt.Sprintf(", %d here alone", c.OnlyHere)
	}
	if c.Missing > 0 {
		text += fmt.Sprintf(", %d nowhere now", c.Missing)
	}
	return text
}
