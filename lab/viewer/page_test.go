package viewer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/internal/browser"
)

// soon is how long the page may take for anything, with other tests beside it.
const soon = time.Minute

// open shows an address in a window of its own, and in the end checks that the page had
// nothing to complain of.
func open(t *testing.T, b *browser.Browser, name string, look browser.Look, address string) *browser.Page {
	t.Helper()
	p := b.In(t).Open(name, look)
	p.Navigate(address)
	t.Cleanup(func() {
		for _, got := range p.Complaints() {
			if !strings.Contains(got, "/favicon.ico") { // the browser asks for it itself
				t.Errorf("%s: the page complains: %s", name, got)
			}
		}
	})
	return p
}

// over waits until the storm is over, and the page says what came of it.
func over(p *browser.Page) {
	p.WaitFor(`document.querySelector("#verdict").textContent == "nothing that must hold was broken"`, soon)
}

// TestPage shows storms in a real browser.
func TestPage(t *testing.T) {
	b := browser.Start(t)
	url := start(t)
	t.Run("Player", func(t *testing.T) { testPlayer(t, b, url) })
	t.Run("Moment", func(t *testing.T) { testMoment(t, b, url) })
	t.Run("Looks", func(t *testing.T) { testLooks(t, b, url) })
}

// testPlayer: time stands still, goes on, goes step by step, and jumps; messages move
// along their hops.
func testPlayer(t *testing.T, b *browser.Browser, url string) {
	p := open(t, b, "desk", browser.Desktop, url+"/") // what the program was started for
	over(p)
	p.WaitFor(`document.querySelector("#flags").value == "--seeds 3 --nodes 6 --rage 20s --leaf 8"`, soon)
	p.WaitFor(`document.querySelectorAll("#ring .node").length == 1`, soon)
	p.Click("#step")
	p.WaitFor(`document.querySelectorAll("#ring .node.waiting").length == 1`, soon)
	p.Eval(`document.activeElement.blur()`, nil)
	p.Press("ArrowLeft")
	p.WaitFor(`document.querySelectorAll("#ring .node").length == 1`, soon)
	p.Press("ArrowRight")
	p.WaitFor(`document.querySelectorAll("#ring .node").length == 2`, soon)
	p.Eval(`(() => { for (let i = 0; i < 500 && !document.querySelector("#ring .links .message"); i++) document.querySelector("#step").click() })()`, nil)
	p.WaitFor(`document.querySelector("#ring .links .message") && document.querySelector("#plane line.message")`, soon)
	p.Click("#play")
	p.WaitFor(`document.querySelector("#ring .bead") && document.querySelectorAll("#ring .node").length > 1`, soon)
	p.Click("#play")
	p.WaitFor(`document.querySelector("#play").textContent == "Play"`, soon)
	p.Eval(`(() => { const at = document.querySelector("#at"); at.value = 25; at.dispatchEvent(new Event("input")) })()`, nil)
	p.WaitFor(`document.querySelectorAll("#ring .node").length == 6 && document.querySelector("#now").textContent == "25.000 s"`, soon)
	p.WaitFor(`document.querySelectorAll("#plane .spot").length == 6`, soon)

	p.Click("#calm")
	over(p)
	p.WaitFor(`document.querySelector("#flags").value.includes("--without drop,delay")`, soon)
	p.Eval(`document.querySelector("#flags").value = "--seeds 4 --rain 3"`, nil)
	p.Click("#storm button")
	p.WaitFor(`document.querySelector("#trouble").textContent.includes("--rain: take --seeds")`, soon)
	p.Eval(`document.querySelector("#flags").value = "phyllolab storm --seeds 4 --nodes 5 --rage 10s"`, nil)
	p.Click("#storm button")
	over(p)
	p.WaitFor(`location.hash == "#seeds=4&nodes=5&rage=10s"`, soon)

	// Where the address says no storm, who asks for one keeps it, though the server says later which the first one is;
	// and it is told if the server does not.
	p.Eval(`(() => {
		const real = window.fetch
		window.fetch = (path, how) => path !== "v1/first" ? real(path, how) : new Promise((give, fail) => { window.asked = { give, fail } })
		location.hash = ""
	})()`, nil)
	p.WaitFor(`window.asked`, soon)
	p.Eval(`document.querySelector("#flags").value = "--seeds 5 --nodes 5 --rage 10s"`, nil)
	p.Click("#storm button")
	p.WaitFor(`location.hash == "#seeds=5&nodes=5&rage=10s"`, soon)
	var flags string
	p.Eval(`(async () => {
		window.asked.give({ ok: true, json: async () => "#seeds=2&nodes=5&rage=10s" })
		await new Promise(done => setTimeout(done))
		window.asked = null
		return document.querySelector("#flags").value
	})()`, &flags)
	if flags != "--seeds 5 --nodes 5 --rage 10s" {
		t.Errorf("the page shows %s, which nobody has asked for", flags)
	}
	p.Eval(`location.hash = ""`, nil)
	p.WaitFor(`window.asked`, soon)
	p.Eval(`window.asked.fail(new Error("no answer"))`, nil)
	p.WaitFor(`document.querySelector("#trouble").textContent == "no answer"`, soon)
}

// testMoment: an address shows the moment that was seen under it, with what a node
// knew then.
func testMoment(t *testing.T, b *browser.Browser, url string) {
	p := open(t, b, "first", browser.Desktop, url+"/#"+quick+"&at=12.5")
	over(p)
	var id string
	p.Eval(`[...document.querySelectorAll("#ring .node")].at(-1).dataset.id`, &id) // no other lies over it
	p.Click(fmt.Sprintf(`#ring [data-id="%s"]`, id))
	p.WaitFor(`document.querySelectorAll("#left li").length > 1 && document.querySelectorAll("#table td.own").length > 0`, soon)
	p.WaitFor(`document.querySelectorAll("#ring .links .leaf").length > 1`, soon)
	p.WaitFor(`document.querySelector("#node-when").textContent == "at 12.500 s"`, soon)
	const shown = `["#node", "#log", "#ring .nodes", "#plane", "#summary"].map(s => document.querySelector(s).textContent).join()`
	var address, mine, theirs string
	p.Eval(`location.href`, &address)
	p.Eval(shown, &mine)
	if !strings.Contains(address, "at=12.5") || !strings.Contains(address, "node=") {
		t.Errorf("the address is %s", address)
	}
	q := open(t, b, "second", browser.Desktop, address)
	over(q)
	q.WaitFor(`document.querySelectorAll("#left li").length > 1`, soon)
	q.Eval(shown, &theirs)
	if mine != theirs || mine == "" {
		t.Errorf("another person sees\n%s\ninstead of\n%s", theirs, mine)
	}
}

// testLooks: nothing is wider than its window, on a desk and on a phone, by day and by
// night.
func testLooks(t *testing.T, b *browser.Browser, url string) {
	for _, dark := range []bool{false, true} {
		for name, look := range map[string]browser.Look{"desk": browser.Desktop, "phone": browser.Phone} {
			look.Dark, look.Still = dark, true
			if dark {
				name += "-dark"
			}
			p := open(t, b, name, look, url+"/#seeds=2&nodes=12&rage=20s&leaf=8&at=20&node=3")
			over(p)
			p.WaitFor(`document.querySelectorAll("#table td.own").length > 0`, soon)
			var wide []string
			p.Eval(`[...document.querySelectorAll("body *")].filter(e => !e.closest("svg, .scroll, .out") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))`, &wide)
			if len(wide) > 0 {
				t.Errorf("%s: wider than the window: %q", name, wide)
			}
			p.Screenshot("top")
			p.Eval(`scrollTo(0, 900)`, nil)
			p.Screenshot("below")
		}
	}
}
