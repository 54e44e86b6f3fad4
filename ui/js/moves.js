// Messages that move over a drawing of the ring, hop by hop.

import { svg, set } from "./dom.js"
import { chord, round } from "./ringmath.js"

const still = matchMedia("(prefers-reduced-motion: reduce)")

// More at once would show nothing any more.
const most = 24

export class Moves {
	#layer; #at; #light
	#all = new Set()

	// layer is the SVG group to draw in; at(id) gives a node's point; light(id, on)
	// marks a node while a message is there.
	constructor(layer, at, light) {
		this.#layer = layer
		this.#at = at
		this.#light = light
	}

	// go moves one message; see Ring.move.
	async go(ids, { ms = 450, keep = 4000, kind = "message" } = {}) {
		if (this.#all.size >= most) return
		if (!keep) this.#forgetKept()
		const group = svg("g", { class: `move ${kind}` })
		const move = { ids, group, trails: [], kept: !keep, over: false }
		this.#all.add(move)
		this.#layer.append(group)
		for (let i = 1; i < ids.length && !move.over; i++) {
			const trail = svg("path", { class: "trail", pathLength: 1, d: this.#chord(ids, i) })
			move.trails.push(trail)
			group.append(trail)
			this.#light(ids[i - 1], true)
			if (!still.matches) await this.#hop(move, trail, ms)
			if (!keep) group.append(this.#mark(ids[i], i))
			this.#light(ids[i - 1], false)
		}
		this.#light(ids.at(-1), true)
		setTimeout(() => this.#light(ids.at(-1), false), 900)
		if (keep) setTimeout(() => this.#end(move), keep)
	}

	// redraw puts all ways where their nodes are now.
	redraw() {
		for (const { ids, trails, group } of this.#all) {
			trails.forEach((trail, i) => set(trail, "d", this.#chord(ids, i + 1)))
			for (const mark of group.querySelectorAll(".mark")) this.#putMark(mark)
		}
	}

	#chord(ids, i) {
		return chord(this.#at(ids[i - 1]), this.#at(ids[i]))
	}

	#hop(move, trail, ms) {
		const dot = svg("circle", { class: "bead", r: 5 })
		move.group.append(dot)
		return new Promise(done => {
			const begin = performance.now()
			const step = now => {
				const part = Math.min(1, Math.max(0, (now - begin) / ms))
				const eased = part * part * (3 - 2 * part)
				const p = trail.getPointAtLength(trail.getTotalLength() * eased)
				set(dot, "cx", round(p.x))
				set(dot, "cy", round(p.y))
				trail.style.strokeDashoffset = String(1 - eased)
				if (part < 1 && !move.over) return requestAnimationFrame(step)
				dot.remove()
				done()
			}
			// A window that nobody sees draws no frames; there the hop is over at once.
			if (document.hidden) step(begin + ms)
			else requestAnimationFrame(step)
		})
	}

	// #mark is the number of a hop beside the node that it reached.
	#mark(id, number) {
		const mark = svg("g", { class: "mark", "data-id": id }, svg("circle", { r: 8 }), svg("text", { "text-anchor": "middle", y: 3.5 }, String(number)))
		this.#putMark(mark)
		return mark
	}

	#putMark(mark) {
		const p = this.#at(mark.dataset.id)
		const far = Math.hypot(p.x, p.y)
		const k = (far - 34) / far
		set(mark, "transform", `translate(${round(p.x * k)} ${round(p.y * k)})`)
	}

	#forgetKept() {
		for (const move of this.#all) if (move.kept) this.#end(move)
	}

	#end(move) {
		move.over = true
		move.group.remove()
		this.#all.delete(move)
	}
}
