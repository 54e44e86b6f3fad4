package browser

import (
	"fmt"
	"time"
)

// reach is how long an element may take to appear where it can be clicked.
const reach = 10 * time.Second

// place waits until the middle of an element that a CSS selector finds can be
// clicked: it is there, enabled, stands still, and nothing lies over it.
func (p *Page) place(selector string) (x, y float64) {
	p.b.t.Helper()
	var got any
	err := p.eval(fmt.Sprintf(`new Promise(done => {
		const until = performance.now() + %d
		let was = "", why = "is not there"
		const look = () => {
			const e = document.querySelector(%q)
			if (e) {
				if (was === "") e.scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"})
				const r = e.getBoundingClientRect()
				const x = r.left + r.width / 2, y = r.top + r.height / 2
				const top = document.elementFromPoint(x, y)
				const now = [r.left, r.top, r.width, r.height].join()
				const still = now === was
				was = now
				if (e.disabled) why = "is disabled"
				else if (!r.width || !r.height) why = "is hidden"
				else if (!top || !(e.contains(top) || top.closest("label")?.control === e)) {
					why = "lies under " + (top ? top.outerHTML.slice(0, 120) : "nothing")
					was = ""
				} else if (still) return done([x, y])
				else why = "moves"
			}
			if (performance.now() > until) done(why)
			else setTimeout(look, 15)
		}
		look()
	})`, reach.Milliseconds(), selector), &got)
	if at, ok := got.([]any); ok && err == nil && len(at) == 2 {
		return at[0].(float64), at[1].(float64)
	}
	p.fail(fmt.Sprintf("%s cannot be clicked: it %v (%v)", selector, got, err))
	return 0, 0
}

// Click presses the mouse on the first element that a CSS selector finds.
func (p *Page) Click(selector string) {
	p.b.t.Helper()
	x, y := p.place(selector)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		event := map[string]any{"type": kind, "x": x, "y": y}
		if kind != "mouseMoved" {
			event["button"], event["clickCount"] = "left", 1
		}
		p.Call("Input.dispatchMouseEvent", event, nil)
	}
}

// Hover moves the mouse over the first element that a CSS selector finds.
func (p *Page) Hover(selector string) {
	p.b.t.Helper()
	x, y := p.place(selector)
	p.Call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": x, "y": y}, nil)
}

// Type clicks on an element and types a text into it.
func (p *Page) Type(selector, text string) {
	p.b.t.Helper()
	p.Click(selector)
	p.Call("Input.insertText", map[string]any{"text": text}, nil)
}

// keys are the numbers of the keys that Press knows.
var keys = map[string]int{
	"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "Home": 36, "End": 35,
	"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}

// Press presses and releases a key by its name (KeyboardEvent.key): Enter, Tab,
// Escape, a space, Home, End or an arrow.
func (p *Page) Press(key string) {
	p.b.t.Helper()
	code, ok := keys[key]
	if !ok {
		p.b.t.Fatalf("browser: the driver knows no key %q", key)
	}
	down := map[string]any{"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
	switch key {
	case "Enter":
		down["type"], down["text"] = "keyDown", "\r"
	case " ":
		down["type"], down["text"], down["code"] = "keyDown", " ", "Space"
	}
	p.Call("Input.dispatchKeyEvent", down, nil)
	p.Call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": down["code"], "windowsVirtualKeyCode": code}, nil)
}
