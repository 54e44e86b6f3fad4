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

// testLargeRing: the drawing stands alone, as the lab's viewer uses it, and holds a
// ring of a thousand nodes without writing labels over one another.
func testLargeRing(t *testing.T, b *browser.Browser) {
	v := &village{}
	p := enter(t, b, v.newNode(t), "lab", browser.Desktop)
	var got struct{ Nodes, Labels, Trails int }
	p.Eval(`import("/js/ring.js").then(async ({ Ring }) => {
		const host = document.createElement("div")
		host.style.height = "600px"
		for (const other of document.body.children) other.hidden = true // the page goes on below
		document.body.append(host)
		const ring = new Ring(host, { label: "a thousand nodes" })
		const nodes = Array.from({ length: 1000 }, (_, i) => ({
			id: Math.floor(i * 2 ** 32 / 1000).toString(16).padStart(8, "0").padEnd(32, "7"),
			state: i % 9 ? "alive" : "dead", people: i % 4 ? [] : ["p" + i],
		}))
		ring.draw({ nodes })
		await ring.move([nodes[0].id, nodes[500].id, nodes[900].id], { ms: 20, keep: 0, kind: "trace" })
		return { nodes: host.querySelectorAll(".node").length, labels: host.querySelectorAll(".labels text").length, trails: host.querySelectorAll(".trail").length }
	})`, &got)
	p.Screenshot("thousand")
	if got.Nodes != 1000 || got.Trails != 2 {
		t.Errorf("the drawing has %+v, want 1000 nodes and 2 trails", got)
	}
	if got.Labels > 100 {
		t.Errorf("%d labels stand on 600 pixels", got.Labels)
	}
}
