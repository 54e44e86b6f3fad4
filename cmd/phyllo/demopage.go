package main

import (
	"context"
	"os"

	"golang.org/x/term"
)

// invite shows how to look at the ring, and opens the page.
func (p *play) invite(ctx context.Context, keyboard bool) error {
	s, err := p.ring.api(0).Status(ctx)
	if err != nil {
		return err
	}
	if p.w.json {
		if err := p.w.line(s.Ready()); err != nil {
			return err
		}
		return p.w.out.flush()
	}
	p.w.printf("\nThe ring lives on until Ctrl-C. Kill and add nodes on its page, or talk to it:\n")
	if s.UI != "" {
		again := p.w.commandAt(s.Home, "ui --print")
		if keyboard {
			again = "press Enter"
		}
		if err := p.page(ctx, again); err != nil {
			return err
		}
	}
	for _, rest := range []string{"status", "trace bob", "send bob hello"} {
		p.w.printf("  %s\n", p.w.commandAt(s.Home, rest))
	}
	p.w.printf("\n")
	if err := p.w.out.flush(); err != nil || p.w.columns == 0 || s.UI == "" {
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
	p.w.printf("  page  %s  (works once, for a minute; again: %s)\n", t.URL, again)
	return p.w.out.flush()
}

// open opens the page if there is a browser; if there is none, nothing is lost. The
// browser gets a way in of its own, so that the printed one stays good.
func (p *play) open(ctx context.Context) error {
	t, err := p.ring.ticket(ctx)
	if err != nil {
		return err
	}
	if p.w.browse(t.File, p.w.getenv) == nil {
		p.w.printf("The page opens in your browser, too.\n\n")
	}
	return p.w.out.flush()
}

// enters gets a value each time that somebody presses Enter at the keyboard, and is
// closed when the keyboard is gone. It is nil if there is none, or if the output is
// for programs.
func (w *world) enters(ctx context.Context) <-chan struct{} {
	f, ok := w.stdin.(*os.File)
	if !ok || w.json || !term.IsTerminal(int(f.Fd())) {
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
