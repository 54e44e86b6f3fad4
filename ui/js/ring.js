// The drawing of a ring. It takes plain data and knows neither the node's API nor
// the page around it:
//
//	const ring = new Ring(element, {label: "The ring", onPick: node => {}})
//	ring.draw({nodes, links})
//	ring.move([id, id, …], {ms: 500, keep: 4000})
//	ring.pick(id)
//
// A node is {id, label, state, self, leaf, row, people}:
//
//	id      32 hex digits
//	label   what to call it besides its id; may be left out
//	state   "alive", "suspect", "dead" or "joining"
//	self    whose view this is
//	leaf    in that view's leaf set
//	row     its row in that view's routing table; undefined: not in it
//	people  names of those who live there; may be left out
//
// A link is {from, to, kind} with ids and kind "leaf" or "table". Colours, widths and
// the look of each state stand in ring.css.

import { el, say, set, svg, sync } from "./dom.js"
import { chord, labelPlaces, place, round, short } from "./ringmath.js"
import { Moves } from "./moves.js"

// From this many nodes on only people's and one's own labels are written.
const crowd = 24

export class Ring {
	#host; #svg; #wheel; #ticks; #links; #moves; #nodes; #labels; #tip
	#data = { nodes: [], links: [] }
	#radius = 0
	#picked = null
	#tipped = null // the node that the tip is about
	#onPick

	constructor(host, { label, onPick = () => {} }) {
		this.#host = host
		this.#onPick = onPick
		this.#wheel = svg("circle", { class: "wheel" })
		this.#ticks = svg("g", { class: "ticks", "aria-hidden": "true" })
		this.#links = svg("g", { class: "links", "aria-hidden": "true" })
		const moves = svg("g", { class: "moves", "aria-hidden": "true" })
		this.#labels = svg("g", { class: "labels", "aria-hidden": "true" })
		this.#nodes = svg("g", { class: "nodes" })
		this.#svg = svg("svg", { class: "ring", role: "group", "aria-label": label, onkeydown: e => this.#key(e) },
			this.#wheel, this.#ticks, this.#links, moves, this.#labels, this.#nodes)
		this.#tip = el("div", { class: "ring-tip", hidden: true })
		host.classList.add("ring-host")
		host.append(this.#svg, this.#tip)
		this.#moves = new Moves(moves, id => this.#at(id), (id, on) => this.#light(id, on))
		new ResizeObserver(() => this.#layout()).observe(host)
	}

	// draw shows nodes and links in place of those before.
	draw({ nodes, links = [] }) {
		// What matters most is drawn last, and so lies on top.
		this.#data = { nodes: [...nodes].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)), links }
		this.#layout()
	}

	// pick marks a node, or none.
	pick(id) {
		this.#picked = id
		this.#drawNodes()
	}

	// move lets a message go from node to node along chords, ms for each hop, and
	// leaves its way to be seen for keep ms (0: until the next one that is kept so).
	// The promise is fulfilled when it has arrived.
	move(ids, options = {}) {
		return this.#moves.go(ids, options)
	}

	#at(id) {
		return place(id, this.#radius)
	}

	#layout() {
		const { clientWidth: w, clientHeight: h } = this.#host
		if (!w || !h) return
		// Room for labels at the sides: names beside the circle need more than digits.
		const side = Math.min(110, w * 0.17)
		this.#radius = Math.max(40, Math.min(w / 2 - side, h / 2 - 34))
		set(this.#svg, "viewBox", `${-w / 2} ${-h / 2} ${w} ${h}`)
		set(this.#svg, "width", w)
		set(this.#svg, "height", h)
		set(this.#wheel, "r", round(this.#radius))
		this.#drawTicks()
		this.#drawLinks()
		this.#drawNodes()
		this.#drawLabels(h)
		this.#moves.redraw()
		if (this.#tipped?.isConnected) this.#showTip(this.#tipped)
		else this.#hideTip()
	}

	// #drawTicks marks where the ids with each first digit begin.
	#drawTicks() {
		const digits = [..."0123456789abcdef"]
		sync(this.#ticks, digits, d => d, d => svg("g", {}, svg("path"), svg("text", { "text-anchor": "middle" }, d)), (g, d) => {
			const id = d.padEnd(32, "0")
			const a = place(id, this.#radius - 5), b = place(id, this.#radius), c = place(id, this.#radius - 15)
			set(g.firstChild, "d", `M${round(a.x)} ${round(a.y)}L${round(b.x)} ${round(b.y)}`)
			set(g.lastChild, "x", round(c.x))
			set(g.lastChild, "y", round(c.y + 4))
		})
	}

	#drawLinks() {
		sync(this.#links, this.#data.links, l => `${l.from} ${l.to}`, () => svg("path"), (path, l) => {
			set(path, "class", l.kind)
			set(path, "d", chord(this.#at(l.from), this.#at(l.to)))
		})
	}

	#drawNodes() {
		const { nodes } = this.#data
		const room = (2 * Math.PI * this.#radius) / Math.max(1, nodes.length)
		set(this.#svg, "class", room < 5 ? "ring dense" : "ring")
		const focus = nodes.find(n => n.id === this.#picked) ?? nodes.find(n => n.self) ?? nodes[0]
		sync(this.#nodes, nodes, n => n.id, n => this.#makeNode(n), (g, n) => {
			g.node = n
			const p = this.#at(n.id)
			set(g, "transform", `translate(${round(p.x)} ${round(p.y)})`)
			set(g, "class", `node ${look(n)}${n.id === this.#picked ? " picked" : ""}`)
			set(g, "aria-label", describe(n).join(", "))
			set(g, "aria-pressed", n.id === this.#picked ? "true" : "false")
			set(g, "tabindex", n === focus ? "0" : "-1")
			const r = n.self ? size(n) : Math.min(size(n), Math.max(1.5, room))
			set(g.querySelector(".touch"), "r", round(Math.max(r + 2, Math.min(12, room))))
			set(g.querySelector(".halo"), "r", round(r + 4))
			set(g.querySelector(".dot"), "r", round(r))
			const c = round(r * 0.55)
			set(g.querySelector(".cross"), "d", `M${-c} ${-c}L${c} ${c}M${c} ${-c}L${-c} ${c}`)
		})
	}

	#makeNode(n) {
		const g = svg("g", {
			role: "button", "data-id": n.id,
			onclick: () => this.#onPick(g.node),
			onpointerenter: () => this.#showTip(g),
			onpointerleave: () => this.#hideTip(),
			onfocus: () => this.#showTip(g),
			onblur: () => this.#hideTip(),
		}, svg("circle", { class: "touch" }), svg("circle", { class: "halo" }), svg("circle", { class: "dot" }), svg("path", { class: "cross" }))
		return g
	}

	#drawLabels(height) {
		const all = this.#data.nodes
		let named = all.filter(n => n.people?.length || n.self || (all.length <= crowd && (n.label || n.leaf || n.row === undefined)))
		// A side takes so many lines of text; where there are more, people come first.
		const lines = Math.max(4, Math.floor((2 * this.#radius) / 17))
		if (named.length > lines) named = named.filter(n => n.people?.length || n.self)
		if (named.length > 2 * lines) named = named.filter(n => n.self || n.id === this.#picked)
		const low = -height / 2 + 12, high = height / 2 - 8
		const at = labelPlaces(named.map(n => this.#at(n.id)), this.#radius + 17, 17, Math.max(low, -this.#radius - 17), Math.min(high, this.#radius + 17))
		const places = new Map(named.map((n, i) => [n.id, at[i]]))
		sync(this.#labels, named, n => n.id, () => svg("g", {}, svg("path"), svg("text")), (g, n) => {
			const p = places.get(n.id), node = this.#at(n.id)
			set(g, "class", look(n))
			set(g.firstChild, "d", p.moved > 7 ? `M${round(node.x)} ${round(node.y)}L${round(p.x)} ${round(p.y)}` : false)
			const text = g.lastChild
			set(text, "x", round(p.x + (p.right ? 3 : -3)))
			set(text, "y", round(p.y + 4))
			set(text, "text-anchor", p.right ? "start" : "end")
			const words = caption(n)
			if (text.textContent !== words.join("")) {
				text.replaceChildren(...words.map((word, i) => svg("tspan", { class: i ? "more" : "first" }, word)))
			}
		})
	}

	#light(id, on) {
		for (const g of this.#nodes.children) {
			if (g.node.id === id) g.classList.toggle("lit", on)
		}
	}

	#showTip(g) {
		this.#tipped = g
		const p = this.#at(g.node.id)
		const { clientWidth: w, clientHeight: h } = this.#host
		this.#tip.replaceChildren(...describe(g.node).map((line, i) => el("div", { class: i ? "more" : "first" }, line)))
		this.#tip.hidden = false
		const { offsetWidth: tw, offsetHeight: th } = this.#tip
		const x = Math.min(Math.max(4, w / 2 + p.x - tw / 2), w - tw - 4)
		const y = p.y < 0 ? h / 2 + p.y + 14 : h / 2 + p.y - th - 14
		this.#tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`
	}

	#hideTip() {
		this.#tipped = null
		this.#tip.hidden = true
	}

	// #key walks around the ring with the arrow keys, clockwise with right and down.
	#key(e) {
		const list = [...this.#nodes.children].sort((a, b) => (a.node.id < b.node.id ? -1 : 1))
		const at = list.indexOf(document.activeElement)
		if (at < 0) return
		const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key]
		if (step) {
			const next = list[(at + step + list.length) % list.length]
			set(list[at], "tabindex", "-1")
			set(next, "tabindex", "0")
			next.focus()
		} else if (e.key === "Enter" || e.key === " ") {
			this.#onPick(list[at].node)
		} else {
			return
		}
		e.preventDefault()
	}
}

// look is the classes of a node, for ring.css.
function look(n) {
	const row = n.row === undefined ? "" : `table row${Math.min(n.row, 3)}`
	return [n.state, n.self ? "self" : "", n.leaf ? "leaf" : "", n.leaf || n.self ? "" : row, n.people?.length ? "home" : ""].filter(Boolean).join(" ")
}

function rank(n) {
	return n.self ? 3 : n.people?.length ? 2 : n.leaf ? 1 : 0
}

function size(n) {
	if (n.self) return 9
	if (n.people?.length) return 7.5
	if (n.leaf) return 6
	return n.row === undefined ? 6 : 4.5
}

// caption is what stands beside a node: the people there, or else its label, or else
// the first digits of its id.
function caption(n) {
	const people = n.people ?? []
	if (people.length) {
		const first = people.slice(0, 2).map(name => clip(name, 12)).join(", ")
		return people.length > 2 ? [first, ` +${people.length - 2}`] : [first]
	}
	return n.self ? ["this node"] : [clip(n.label ?? "", 14) || n.id.slice(0, 4)]
}

function clip(text, most) {
	const letters = [...text]
	return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : text
}

const states = { alive: "alive", suspect: "does not answer: suspected", dead: "dead", joining: "joining" }

// describe says in words what the drawing shows of a node.
export function describe(n) {
	const lines = [short(n.id)]
	if (n.label) lines.push(n.label)
	if (n.people?.length) lines.push(n.people.join(", "))
	lines.push(n.self ? "this node" : states[n.state] ?? n.state)
	if (n.leaf) lines.push("in the leaf set")
	if (n.row !== undefined && !n.self) lines.push(`routing table, row ${n.row}`)
	return lines
}
