package main

import (
	"fmt"
	"strings"
)

// patch is a change of one file.
type patch struct {
	what  string   // it breaks
	storm []string // flags of the storms that find it out
	file  string   // slashed, below the module's root
	hunks []hunk
}

// hunk is a passage and what takes its place.
type hunk struct{ before, after string }

// parsePatch reads a patch of one file. Line numbers are ignored: a passage is found by
// its text.
func parsePatch(text string) (*patch, error) {
	p := new(patch)
	for i, line := range strings.SplitAfter(text, "\n") {
		mark, rest := "", ""
		if line != "" {
			mark, rest = line[:1], line[1:]
		}
		switch {
		case line == "" || strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "# storm: "):
			p.storm = strings.Fields(line[len("# storm: "):])
		case strings.HasPrefix(line, "# "):
			p.what = strings.TrimSpace(rest)
		case strings.HasPrefix(line, "+++ b/"):
			if p.file != "" {
				return nil, fmt.Errorf("line %d: a second file", i+1)
			}
			p.file = strings.TrimSpace(line[len("+++ b/"):])
		case strings.HasPrefix(line, "@@"):
			p.hunks = append(p.hunks, hunk{})
		case len(p.hunks) == 0 || !strings.Contains(" +-", mark):
			return nil, fmt.Errorf("line %d is no part of a patch: %q", i+1, line)
		default:
			h := &p.hunks[len(p.hunks)-1]
			if mark != "+" {
				h.before += rest
			}
			if mark != "-" {
				h.after += rest
			}
		}
	}
	if p.what == "" || p.file == "" || len(p.hunks) == 0 {
		return nil, fmt.Errorf("a patch needs a line %q, a line %q and a passage after %q", "# what it breaks", "+++ b/FILE", "@@")
	}
	return p, nil
}

// apply changes a file's text. Each passage must stand in it exactly once.
func (p *patch) apply(text string) (string, error) {
	for i, h := range p.hunks {
		switch strings.Count(text, h.before) {
		case 1:
			text = strings.Replace(text, h.before, h.after, 1)
		case 0:
			return "", fmt.Errorf("passage %d is not in %s any more: make the patch anew, or take it out", i+1, p.file)
		default:
			return "", fmt.Errorf("passage %d is in %s more than once: give it more lines around", i+1, p.file)
		}
	}
	return text, nil
}
