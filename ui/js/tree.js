// The tree of the topic that is open: which nodes hand it on to which.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { short } from "./ringmath.js"
import { count } from "./words.js"
import { fails, tell } from "./fails.js"

// While a tree is mended it is asked for so often, and for so long.
const again = 500, patience = 60_000

// startTree shows the tree of the topic that topic() names.
export function startTree(model, topic) {
	let nodes = [], more = false
	let dead = null // the node that was killed here: {id, at, lines, lost, over}
	let turn = 0, due = 0

	async function load() {
		const now = ++turn, name = topic()
		let got = { nodes: [] }, trouble = null
		if (name) {
			try {
				got = await client.topicTree(name)
			} catch (err) {
				trouble = err
			}
		}
		if (now !== turn) return
		// A root that has gone leaves no tree for a while: what was known stays to be seen.
		if (!trouble) {
			nodes = got.nodes ?? []
			more = Boolean(got.more)
		} else if (!dead) {
			nodes = []
		}
		tell($("topic-tree-error"), trouble && !dead && trouble.kind !== "not-found" ? trouble : null)
		draw()
		if (dead && !dead.over && Date.now() - dead.at < patience) soon(again)
	}

	function soon(ms = 200) {
		clearTimeout(due)
		due = setTimeout(() => {
			// Each look asks all nodes of the tree: only when it is seen.
			if ($("topic-tree").open && $("topic-tree").getClientRects().length && !document.hidden) load()
		}, ms)
	}

	const state = id => model.ring?.nodes.find(n => n.id === id)?.state
	const victim = () => {
		const there = nodes.filter(n => !n.self && n.children && state(n.node) === "alive")
		const idle = there.filter(n => !people(n.node).length)
		return idle.at(-1) ?? there.at(-1)
	}
	const people = id => model.ring?.nodes.find(n => n.id === id)?.people ?? []

	function draw() {
		sync($("topic-nodes"), nodes, n => n.node, () => el("li", {}, el("span", { class: "id" }), el("span", { class: "name" }), el("span", { class: "quiet" })), (li, n) => {
			const gone = state(n.node) === "dead"
			li.style.setProperty("--depth", Math.min(n.depth, 8))
			set(li, "class", gone ? "dead" : n.silent ? "silent" : n.depth ? "below" : false)
			const [id, name, does] = li.children
			say(id, short(n.node))
			say(name, n.self ? "this node" : people(n.node).join(", "))
			say(does, gone ? "dead" : [n.depth ? "" : "root", n.silent ? "does not answer" : n.reads ? "reads" : "", n.children ? `hands on to ${n.children}` : ""].filter(Boolean).join(", "))
		})
		const readers = nodes.filter(n => n.reads).length
		say($("topic-tree-sum"), nodes.length ? `${count(nodes.length, "node")}, ${count(readers, "reader")}${more ? "; there are more below" : ""}` : "There is no tree yet.")
		show($("topic-kill"), model.status?.demo && nodes.length)
		if (dead?.lines && nodes.length && !nodes.some(n => n.node === dead.id || n.silent)) dead.over ??= Date.now()
		set($("topic-kill"), "disabled", !victim() || (dead && !dead.over))
		const none = model.status?.demo && nodes.length && !victim() ? "No other node hands it on: there is none to kill." : ""
		if (!dead) return say($("topic-killed"), none)
		const lost = dead.lost ? `${count(dead.lost, "line")} lost` : "no line is lost"
		say($("topic-killed"), dead.over
			? `${short(dead.id)} was killed. After ${((dead.over - dead.at) / 1000).toFixed(1)} s lines came again over a tree without it, and ${lost}. ${none}`
			: `${short(dead.id)}, which handed the topic on to ${count(dead.children, "node")}, is killed: its tree is being mended …`)
	}

	fails($("topic-tree-error"), $("topic-kill"), "click", async () => {
		const n = victim()
		if (!n) return
		const at = Date.now()
		await model.kill(n.node)
		dead = { id: n.node, children: n.children, at, lines: 0, lost: 0 }
		draw()
		soon(again)
	})
	$("topic-tree").addEventListener("toggle", () => soon(0))
	document.addEventListener("visibilitychange", () => soon())
	addEventListener("hashchange", () => soon())
	model.on("ring", () => {
		draw()
		soon()
	})
	if (matchMedia("(min-width: 900px)").matches) $("topic-tree").open = true

	return {
		soon,
		// begin forgets the tree of another topic.
		begin() {
			nodes = []
			dead = null
			turn++
			say($("topic-killed"), "")
			tell($("topic-tree-error"), null)
			draw()
			soon(0)
		},
		// came counts what is read after a node was killed.
		came(e) {
			if (!dead) return
			if (e.event === "message") dead.lines++
			else dead.lost += e.lost ?? 0
			draw()
		},
	}
}
