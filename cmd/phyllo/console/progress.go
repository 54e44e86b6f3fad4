package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// patience is how long something may take before the user is shown that it is under
// way.
const patience = 300 * time.Millisecond

// spinner draws a line that moves while something takes time.
type spinner struct {
	out   io.Writer
	signs []string
	text  func() string
}

// Waiting shows what is waited for, if it takes a while and somebody looks. Call the
// function that it returns before anything else is written.
func (w *World) Waiting(text string) (done func()) {
	return w.WaitingFor(func() string { return text })
}

// WaitingFor is Waiting with a text that changes. text is called from another goroutine.
func (w *World) WaitingFor(text func() string) (done func()) {
	f, ok := w.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || w.Getenv("TERM") == "dumb" {
		return func() {}
	}
	s := &spinner{out: w.Stderr, text: text, signs: []string{"|", "/", "-", `\`}}
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
				fmt.Fprintf(s.out, "\r%s %s\x1b[K", s.signs[i%len(s.signs)], s.text())
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

// Moved counts the bytes of a file that have gone by, for a line of progress.
type Moved struct {
	io.Reader
	n     atomic.Int64
	Size  int64     // of it all, in bytes; 0: nobody knows
	Begin time.Time // when it began to go by
}

// Read implements io.Reader.
func (m *Moved) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// Text says how much went by, and how fast.
func (m *Moved) Text() string {
	n := m.n.Load()
	text := plain.Bytes(uint64(n))
	if m.Size > 0 {
		text = fmt.Sprintf("%d %% of %s", 100*n/m.Size, plain.Bytes(uint64(m.Size)))
	}
	if d := time.Since(m.Begin); d > time.Second {
		text += ", " + plain.Bytes(uint64(float64(n)/d.Seconds())) + "/s"
	}
	return text
}
