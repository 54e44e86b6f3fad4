package ui_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/internal/browser"
	"github.com/phyllo-net/phyllo/ui"
)

// soon is how long the page may take for anything, with other tests beside it.
const soon = 15 * time.Second

// serve serves a node as real ones are served, and returns what opens its page.
func serve(t *testing.T, n api.Node) (server *control.Server, open func() string) {
	t.Helper()
	home := t.TempDir()
	server, err := control.Start(control.Config{Home: home, Node: n, UI: "127.0.0.1:0", Files: ui.Files, Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	client, err := api.Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return server, func() string {
		t.Helper()
		ticket, err := client.Ticket(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ticket.URL
	}
}

func stop(t *testing.T, s *control.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// enter opens a node's page in a window of its own, and in the end checks that the
// page had nothing to complain of.
func enter(t *testing.T, b *browser.Browser, n api.Node, name string, look browser.Look) *browser.Page {
	t.Helper()
	_, open := serve(t, n)
	p := b.In(t).Open(name, look)
	p.Navigate(open())
	ready(p)
	t.Cleanup(func() {
		for _, got := range p.Complaints() {
			// An operation that fails is no fault of the page; it shows the error. The
			// icon is asked for by the browser itself, before the page is there.
			if !strings.Contains(got, "/v1/") && !strings.Contains(got, "/favicon.ico") {
				t.Errorf("%s: the page complains: %s", name, got)
			}
		}
	})
	return p
}

// ready waits until the page shows what its node says.
func ready(p *browser.Page) {
	p.WaitFor(`document.querySelector("#state").dataset.state == "ready" && document.querySelector("#picture .node")`, soon)
}

// view shows one part of the page, on a phone.
func view(p *browser.Page, name string) { p.Click(`.tabs [href="#` + name + `"]`) }

// shows waits until an element has a text in it.
func shows(p *browser.Page, selector, text string) {
	p.WaitFor(`[...document.querySelectorAll(`+quote(selector)+`)].some(e => e.getClientRects().length && e.textContent.includes(`+quote(text)+`))`, soon)
}

// hides waits until no element that the selector finds can be seen.
func hides(p *browser.Page, selector string) {
	p.WaitFor(`![...document.querySelectorAll(`+quote(selector)+`)].some(e => e.getClientRects().length)`, soon)
}
