package ui_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// testDemo: the picture shows the whole ring with its people, a trace moves over it,
// nodes can be killed and added, and a message is seen going.
func testDemo(t *testing.T, b *browser.Browser) {
	v := &village{}
	d := v.newDemo(t, 16, "ann", "bob", "carol")
	p := enter(t, b, d, "demo", browser.Desktop)
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 16`, soon)
	shows(p, "#ring-summary", "The whole ring: 16 nodes.")
	shows(p, "#picture .labels", "bob")

	p.Type("#trace-to", "carol")
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#picture .trace .bead")`, soon) // on its way
	shows(p, "#trace-said", "in 3 hops")
	p.WaitFor(`document.querySelectorAll("#picture .trace .mark").length == 3 && !document.querySelector("#picture .bead")`, soon)
	p.Screenshot("trace")

	p.Click("#demo-kill")
	p.WaitFor(`document.querySelectorAll("#picture .node.dead").length == 1`, soon)
	shows(p, "#demo-said", "was killed")
	p.Click("#demo-add")
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 17`, soon)
	shows(p, "#ring-summary", "The whole ring: 16 nodes, 1 dead.")

	bob := d.picture.Nodes[3].ID.String()
	p.Hover(`#picture [data-id="` + bob + `"]`)
	shows(p, ".ring-tip", bob[:8])
	shows(p, ".ring-tip", "bob")
	p.Click(`#picture [data-id="` + bob + `"]`)
	shows(p, "#picked-words", "Its id: "+bob)
	p.Screenshot("picked")
	p.Click("#picked-kill")
	p.WaitFor(`document.querySelectorAll("#picture .node.dead").length == 2`, soon)

	if _, err := d.Send(t.Context(), api.Draft{From: "ann", To: "carol", Text: "bob has gone"}); err != nil {
		t.Fatal(err)
	}
	p.WaitFor(`document.querySelector("#picture .message .trail")`, soon)
	p.Click("#ring-list summary")
	p.WaitFor(`document.querySelectorAll("#ring-rows tr").length == 17`, soon)
}

// testOnlyTheKeyboard: the ring can be walked and a node chosen without a mouse,
// and the focus stays where it is when the picture changes.
func testOnlyTheKeyboard(t *testing.T, b *browser.Browser) {
	v := &village{}
	d := v.newDemo(t, 8, "ann")
	p := enter(t, b, d, "keys", browser.Desktop)
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 8`, soon)
	p.Eval(`document.querySelector("#picture .node.self").focus()`, nil)
	p.WaitFor(`document.querySelectorAll("#picture [tabindex='0']").length == 1`, soon)
	p.Press("ArrowRight")
	p.Press("ArrowRight")
	var at struct{ ID, Name string }
	p.Eval(`({id: document.activeElement.dataset.id, name: document.activeElement.getAttribute("aria-label")})`, &at)
	shows(p, ".ring-tip", at.ID[:8])
	if _, err := d.AddNode(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 9`, soon)
	p.WaitFor(`document.activeElement.dataset.id == "`+at.ID+`"`, soon)
	p.Press("Enter")
	p.WaitFor(`document.querySelector("#picture .picked").dataset.id == "`+at.ID+`"`, soon)
	p.Eval(`document.querySelector("#picked-trace").focus()`, nil)
	p.Press("Enter")
	shows(p, "#trace-said", "hop")
	p.WaitFor(`document.activeElement.id == "picked-trace"`, soon) // it was disabled meanwhile
}

// testRingMath: where things stand on the drawing.
func testRingMath(t *testing.T, b *browser.Browser) {
	v := &village{}
	p := enter(t, b, v.newNode(t), "math", browser.Desktop)
	for name, expression := range map[string]string{
		"the top is id 0":                 `m.place("0".repeat(32), 100).y === -100`,
		"a quarter is to the right":       `Math.abs(m.place("4".padEnd(32, "0"), 100).x - 100) < 1e-9`,
		"the last id is below one turn":   `m.turn("f".repeat(32)) < 1 && m.turn("f".repeat(32)) > 0.999`,
		"labels keep apart":               `m.spread([5, 5, 6], 10, 0, 100).join() === "5,15,25"`,
		"labels stay inside":              `m.spread([98, 99, 97], 10, 0, 100).join() === "90,100,80"`,
		"labels share what room there is": `m.spread([0, 0, 0], 10, 0, 10).join() === "0,5,10"`,
		"one label stays":                 `m.spread([7], 10, 0, 100).join() === "7"`,
	} {
		var ok bool
		p.Eval(`import("/js/ringmath.js").then(m => `+expression+`)`, &ok)
		if !ok {
			t.Errorf("%s: %s is false", name, expression)
		}
	}
}
