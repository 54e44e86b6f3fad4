// The drawing of where nodes stand.

import { set, svg, sync } from "../ui/js/dom.js"
import { round } from "../ui/js/ringmath.js"

export class Plane {
	#svg; #lines; #spots; #frame; #host
	#data = { nodes: [], messages: [] }
	#onPick

	constructor(host, onPick) {
		this.#host = host
		this.#onPick = onPick
		this.#frame = svg("rect", { class: "frame", rx: 6 })
		this.#lines = svg("g", { "aria-hidden": "true" })
		this.#spots = svg("g")
		this.#svg = svg("svg", { role: "group", "aria-label": "where the nodes stand" }, this.#frame, this.#lines, this.#spots)
		host.append(this.#svg)
		new ResizeObserver(() => this.#layout()).observe(host)
	}

	// draw shows nodes, as of a Story, with picked among them, and messages as links.
	draw(data) {
		this.#data = data
		this.#layout()
	}

	#layout() {
		const { clientWidth: w, clientHeight: h } = this.#host
		if (!w || !h) return
		const { nodes, messages, picked } = this.#data
		const edge = Math.min(h - 16, w - 16)
		const left = (w - edge) / 2
		set(this.#svg, "viewBox", `0 0 ${w} ${h}`)
		for (const [name, value] of [["x", left], ["y", 8], ["width", edge], ["height", edge]]) set(this.#frame, name, round(value))
		const at = n => ({ x: left + 14 + n.at[0] * (edge - 28), y: 22 + n.at[1] * (edge - 28) })
		const places = new Map(nodes.map(n => [n.n, at(n)]))
		sync(this.#lines, messages.filter(m => places.has(m.n) && places.has(m.w)), m => m.key, () => svg("line"), (line, m) => {
			const a = places.get(m.n), b = places.get(m.w)
			set(line, "class", m.kind)
			for (const [name, value] of [["x1", a.x], ["y1", a.y], ["x2", b.x], ["y2", b.y]]) set(line, name, round(value))
		})
		sync(this.#spots, nodes, n => n.n, n => this.#make(n), (g, n) => {
			const p = places.get(n.n)
			set(g, "transform", `translate(${round(p.x)} ${round(p.y)})`)
			set(g, "class", `spot ${n.state}${n.n === picked ? " picked" : ""}`)
		})
	}

	// The ring is where the keyboard walks; here the same nodes take the mouse only.
	#make(n) {
		return svg("g", { "data-node": n.n, onclick: () => this.#onPick(n.n) },
			svg("circle", { r: 6 }), svg("text", { x: 9, y: 4 }, String(n.n)))
	}
}
