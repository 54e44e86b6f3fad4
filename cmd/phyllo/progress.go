package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// patience is how long something may take before the user is shown that it is under
// way.
const patience = 300 * time.Millisecond

// spinner draws a line that moves while something takes time.
type spinner struct {
	out   io.Writer
	signs []string
	text  string
}

// waiting shows what is waited for, if it takes a while and somebody looks. Call the
// function that it returns before anything else is written.
func (w *world) waiting(text string) (done func()) {
	f, ok := w.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || w.getenv("TERM") == "dumb" {
		return func() {}
	}
	s := &spinner{out: w.stderr, text: text, signs: []string{"|", "/", "-", `\`}}
	if w.wide() {
		s.signs = strings.Split("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "")
	}
	return s.start()
}

// start begins to draw after a while; the function that it returns ends it and
// leaves the line empty.
func (s *spinner) start() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		wait := time.NewTimer(patience)
		defer wait.Stop()
		for i := 0; ; i++ {
			select {
			case <-wait.C:
				fmt.Fprintf(s.out, "\r%s %s", s.signs[i%len(s.signs)], s.text)
				wait.Reset(100 * time.Millisecond)
			case <-end:
				if i > 0 {
					fmt.Fprint(s.out, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
