// The picture of the ring, traces, and the buttons of a demo.

import { $, el, say, set, show, sync } from "./dom.js"
import { Ring, describe } from "./ring.js"
import { short } from "./ringmath.js"
import { count, millis } from "./words.js"
import { fails } from "./fails.js"

export function startMap(model) {
	let picked = null
	const ring = new Ring($("picture"), {
		label: "The ring of nodes. Arrow keys walk around it, Enter chooses a node.",
		onPick: n => pick(n.id === picked ? null : n.id),
	})
	const nodes = () => model.ring?.nodes ?? []
	const demo = () => Boolean(model.status?.demo)

	function pick(id) {
		picked = id
		ring.pick(id)
		drawPicked()
	}

	function drawPicked() {
		const n = nodes().find(x => x.id === picked)
		show($("picked"), n)
		show($("trace"), !n)
		if (!n) return
		const words = [`Node ${describe(n).join(", ")}`]
		if (n.addr) words.push(`at ${n.addr}`)
		if (n.rtt) words.push(`round trip ${millis(n.rtt)}`)
		say($("picked-words"), `${words.join(", ")}. Its id: ${n.id}`)
		show($("picked-trace"), !n.self && n.state !== "dead")
		show($("picked-kill"), demo() && !n.self && n.state !== "dead")
	}

	function draw() {
		if (!model.ring) return
		ring.draw(model.ring)
		if (picked && !nodes().some(n => n.id === picked)) pick(null)
		drawPicked()
		say($("ring-summary"), summary(model))
		const alone = nodes().length <= 1
		show($("ring-empty"), alone)
		if (alone) say($("ring-empty"), "This node is alone in its ring. Invite somebody (see Members), and on the other machine run phyllo join with the line that you send. To see a whole ring on this machine: phyllo demo")
		show($("legend-table"), nodes().some(n => n.row !== undefined && !n.leaf))
		sync($("ring-rows"), nodes(), n => n.id, makeRow, drawRow)
	}

	function drawDemo() {
		show($("demo"), demo())
		set($("demo-kill"), "disabled", !victim(nodes()))
	}

	async function trace(target) {
		say($("trace-said"), "Asking…")
		try {
			showTrace(await model.trace(target))
		} catch (err) {
			say($("trace-said"), "")
			throw err
		}
	}

	let shown = ""
	function showTrace(t) {
		// The stream tells of our own traces too.
		const way = [model.ring?.self ?? t.hops[0]?.id, ...t.hops.map(h => h.id)].filter((x, i, all) => x !== all[i - 1])
		const key = `${t.key} ${t.rtt_us} ${way.join()}`
		if (key === shown) return
		shown = key
		ring.move(way, { ms: 700, keep: 0, kind: "trace" })
		$("trace-said").replaceChildren(...traceWords(t, way, nodes()))
	}

	fails($("ring-error"), $("trace"), "submit", () => trace($("trace-to").value.trim()))
	fails($("ring-error"), $("picked-trace"), "click", () => trace(picked))
	fails($("ring-error"), $("picked-kill"), "click", () => kill(nodes().find(n => n.id === picked)))
	fails($("ring-error"), $("demo-kill"), "click", () => kill(victim(nodes())))
	fails($("ring-error"), $("demo-add"), "click", async () => {
		say($("demo-said"), "A node joins…")
		try {
			say($("demo-said"), `${short((await model.addNode()).id)} has joined.`)
		} catch (err) {
			say($("demo-said"), "")
			throw err
		}
	})
	$("picked-close").addEventListener("click", () => pick(null))

	async function kill(n) {
		if (!n) return
		await model.kill(n.id)
		say($("demo-said"), `${n.people?.length ? `${n.people.join(", ")} at ` : ""}${short(n.id)} was killed, without a word to the others.`)
	}

	model.on("ring", draw)
	model.on("ring", drawDemo)
	model.on("status", () => {
		drawDemo()
		say($("ring-summary"), summary(model))
	})
	model.on("trace", showTrace)
	model.on("move", ({ from, to }) => {
		const at = name => nodes().find(n => n.people?.includes(name) && n.state !== "dead")?.id
		const a = at(from), b = at(to)
		if (a && b && a !== b) ring.move([a, b], { ms: 600, keep: 2500 })
	})
}

// victim is the node that the demo's button kills: one where nobody lives, so that
// the talk goes on, as long as there is one.
function victim(nodes) {
	const others = nodes.filter(n => !n.self && n.state === "alive")
	const idle = others.filter(n => !n.people?.length)
	const from = idle.length ? idle : others
	return from[Math.floor(Math.random() * from.length)]
}

function summary(model) {
	const nodes = model.ring?.nodes
	if (!nodes) return ""
	const alive = nodes.filter(n => n.state !== "dead")
	if (model.status?.demo) {
		const dead = nodes.length - alive.length
		return `The whole ring: ${count(alive.length, "node")}${dead ? `, ${dead} dead` : ""}.`
	}
	if (alive.length < 2) return ""
	const leaf = alive.filter(n => n.leaf).length
	const table = alive.filter(n => n.row !== undefined && !n.self).length
	const size = model.ring.size > nodes.length ? `about ${model.ring.size} nodes; this one knows ` : ""
	return `${size}${count(leaf, "node")} in the leaf set, ${table} in the routing table.`
}

function traceWords(t, way, nodes) {
	const called = id => {
		const n = nodes.find(x => x.id === id)
		if (n?.self) return "this node"
		return n?.people?.length ? `${short(id)} (${n.people.join(", ")})` : short(id)
	}
	if (way.length < 2) return [el("p", {}, `This node itself is the root of ${short(t.key)}: no hop is needed.`)]
	const times = new Map(t.hops.map(h => [h.id, h.rtt_us]))
	return [
		el("p", {}, `To the root of ${short(t.key)} in ${count(way.length - 1, "hop")}, ${millis(t.rtt_us)} there and back:`),
		el("ol", { class: "hops" }, ...way.slice(1).map(id => el("li", {}, called(id), times.get(id) ? el("span", { class: "quiet" }, ` ${millis(times.get(id))}`) : ""))),
	]
}

function makeRow() {
	return el("tr", {}, el("td", { class: "id" }), el("td"), el("td"), el("td"))
}

function drawRow(tr, n) {
	const what = []
	if (n.self) what.push("this node")
	if (n.leaf) what.push("leaf set")
	if (n.row !== undefined && !n.self) what.push(`table, row ${n.row}`)
	if (n.near) what.push("neighbourhood")
	const cells = [short(n.id), what.join(", "), n.state, (n.people ?? []).join(", ")]
	cells.forEach((text, i) => say(tr.children[i], text))
}
