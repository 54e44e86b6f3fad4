// What one node knows.

import { $, el, say, set, show, sync } from "../ui/js/dom.js"
import { short } from "../ui/js/ringmath.js"

const digits = [..."0123456789abcdef"]

const words = {
	alive: "claims its keys", waiting: "runs, and claims nothing: it joins, or waits for its leases",
	paused: "is stopped for a while: it knows nothing of that yet", dead: "is gone",
}

// drawPanel shows a node of a Story, what it knew (undefined: not known yet), and
// the numbers of others by their ids.
export function drawPanel(node, known, numbers, at) {
	show($("node"), Boolean(node))
	show($("node-none"), !node)
	say($("node-title"), node ? `Node ${node.n}` : "A node")
	say($("node-when"), node && known ? `at ${at.toFixed(3)} s` : "")
	if (!node) return
	const size = known?.runs ? ` It believes that the ring has ${Math.round(known.size)} nodes.` : ""
	const held = known?.held ? ` ${known.held} messages wait at it for a lease.` : ""
	$("node-words").replaceChildren(el("b", {}, short(node.id)), ` ${words[node.state]}.${size}${held}`)
	drawSide("left", known?.left ?? [], numbers)
	drawSide("right", known?.right ?? [], numbers)
	drawTable(node.id, known?.table ?? [], numbers)
}

function name(id, numbers) {
	return `${short(id)} ${numbers.has(id) ? "node " + numbers.get(id) : ""}`
}

function drawSide(side, ids, numbers) {
	sync($(side), ids, id => id, () => el("li"), (li, id) => say(li, name(id, numbers)))
}

function drawTable(self, entries, numbers) {
	const table = $("table")
	const rows = entries.length ? Math.max(...entries.map(e => e.row)) + 1 : 0
	const byPlace = new Map(entries.map(e => [`${e.row} ${e.col}`, e]))
	const cell = (row, col) => {
		if (Number.parseInt(self[row], 16) === col) return el("td", { class: "own", title: "its own digit" }, self[row])
		const entry = byPlace.get(`${row} ${col}`)
		if (!entry) return el("td")
		const rtt = entry.rtt ? `, ${(entry.rtt / 1000).toFixed(1)} ms away and back` : ""
		return el("td", { title: name(entry.id, numbers) + rtt }, String(numbers.get(entry.id) ?? short(entry.id)))
	}
	table.replaceChildren(
		el("thead", {}, el("tr", {}, el("th", {}, "row"), ...digits.map(d => el("th", {}, d)))),
		el("tbody", {}, ...Array.from({ length: rows }, (_, row) => el("tr", {}, el("th", {}, String(row)), ...digits.map((_, col) => cell(row, col))))))
	set(table, "aria-label", "routing table: the numbers of nodes, by row and next digit")
}
