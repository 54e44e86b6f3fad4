package demo

import (
	"context"
	"os"

	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// invite shows how to look at the ring, and opens the page.
func (p *play) invite(ctx context.Context, keyboard bool) error {
	s, err := p.ring.api(0).Status(ctx)
	if err != nil {
		return err
	}
	if p.w.JSON {
		if err := p.w.Line(s.Ready()); err != nil {
			return err
		}
		return p.w.Out.Flush()
	}
	p.w.Printf("\nThe ring lives on until Ctrl-C. Kill and add nodes on its page, or talk to it:\n")
	if s.UI != "" {
		again := p.w.CommandAt(s.Home, "ui --print")
		if keyboard {
			again = "press Enter"
		}
		if err := p.page(ctx, again); err != nil {
			return err
		}
	}
	for _, rest := range []string{"status", "trace bob", "send bob hello"} {
		p.w.Printf("  %s\n", p.w.CommandAt(s.Home, rest))
	}
	p.w.Printf("\n")
	if err := p.w.Out.Flush(); err != nil || p.w.Columns == 0 || s.UI == "" {
		return err
	}
	return p.open(ctx)
}

// page prints a fresh way in to the page.
func (p *play) page(ctx context.Context, again string) error {
	t, err := p.ring.ticket(ctx)
	if err != nil {
		return err
	}
	p.w.Printf("  page  %s  (works once, for a minute; again: %s)\n", t.URL, again)
	return p.w.Out.Flush()
}

// open opens the page if there is a browser; if there is none, nothing is lost. The
// browser gets a way in of its own, so that the printed one stays good.
func (p *play) open(ctx context.Context) error {
	t, err := p.ring.ticket(ctx)
	if err != nil {
		return err
	}
	if p.w.Browse(t.File, p.w.Getenv) == nil {
		p.w.Printf("The page opens in your browser, too.\n\n")
	}
	return p.w.Out.Flush()
}

// enters gets a value each time that somebody presses Enter at the keyboard, and is
// closed when the keyboard is gone. It is nil if there is none, or if the output is
// for programs.
func enters(ctx context.Context, w *console.World) <-chan struct{} {
	f, ok := w.Stdin.(*os.File)
	if !ok || w.JSON || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	neverStopForInput()
	pressed := make(chan struct{})
	go func() { // it may wait for the keyboard until the program ends
		defer close(pressed)
		var line [256]byte
		for {
			if _, err := f.Read(line[:]); err != nil {
				return
			}
			select {
			case pressed <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return pressed
}
