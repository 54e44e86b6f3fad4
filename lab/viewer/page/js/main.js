// Puts the parts together: a storm that is told by the server, the moment that is
// shown, and the player.

import { $, el, say, set, show, svg, sync } from "../ui/js/dom.js"
import { Ring } from "../ui/js/ring.js"
import { drawPanel } from "./panel.js"
import { Plane } from "./plane.js"
import { first, flags, kinds, look, moment, parseFlags, parseMoment, run } from "./server.js"
import { Story } from "./story.js"

// So many lines are shown.
const most = 80

let storm, story = new Story(), now = 0, playing = false, picked = null
let known = { at: -1, nodes: [] } // what nodes knew then
let running, looking // what ends the requests that are out

const ring = new Ring($("ring"), { label: "The ring", onPick: node => pick(node.n) })
const plane = new Plane($("plane"), pick)

// tell shows a storm from the moment at on.
async function tell(asked, at, node) {
	running?.abort()
	running = new AbortController()
	storm = asked
	story = new Story()
	known = { at: -1, nodes: [] }
	now = at
	picked = node
	stop()
	$("flags").value = flags(storm)
	show($("trouble"), false)
	say($("verdict"), "running …")
	const mine = story
	try {
		await run(storm, events => {
			for (const e of events) mine.add(e)
			if (mine === story) draw()
		}, running.signal)
	} catch (error) {
		if (mine === story) complain(error)
		return
	}
	if (mine !== story) return
	draw()
	remember()
}

function complain(error) {
	say($("trouble"), error.message)
	show($("trouble"), true)
	say($("verdict"), "")
}

function draw() {
	const nodes = story.at(now)
	const messages = playing ? [] : story.around(now).map((m, i) => ({ ...m, key: i, kind: { hop: "message", reply: "reply", lost: "lost" }[m.e] }))
	const ids = new Map(nodes.map(n => [n.n, n.id]))
	const seen = known.at === now ? known.nodes[picked] : undefined
	const leafs = new Set([...seen?.left ?? [], ...seen?.right ?? []])
	const rows = new Map((seen?.table ?? []).map(e => [e.id, e.row]))
	const self = ids.get(picked)
	const links = messages.filter(m => ids.has(m.n) && ids.has(m.w)).map(m => ({ from: ids.get(m.n), to: ids.get(m.w), kind: m.kind }))
	for (const n of nodes) {
		if (self && n.id !== self && (leafs.has(n.id) || rows.has(n.id))) links.unshift({ from: self, to: n.id, kind: leafs.has(n.id) ? "leaf" : "table" })
	}
	ring.draw({ nodes: nodes.map(n => ({ ...n, label: `node ${n.n}`, leaf: leafs.has(n.id), row: rows.get(n.id) })), links })
	ring.pick(self ?? null)
	plane.draw({ nodes, messages, picked })
	drawPanel(nodes.find(n => n.n === picked), seen, new Map(nodes.map(n => [n.id, n.n])), now)
	drawLines(nodes)
	drawTime()
}

function drawLines(nodes) {
	const count = state => nodes.filter(n => n.state === state).length
	say($("summary"), `${nodes.length} nodes: ${count("alive")} with their keys, ${count("dead")} gone`)
	const lines = story.upTo(now, most).map((l, i) => ({ ...l, key: `${l.t} ${l.text} ${i}` })).reverse()
	sync($("log"), lines, l => l.key, l => el("li", {}, el("button", { onclick: () => go(l.t) })), (li, l) => {
		const button = li.firstChild
		set(button, "class", l.wrong ? "wrong" : l.turn ? "turn" : false)
		if (!button.firstChild) button.append(el("time", {}, `${l.t.toFixed(3)} s`), l.text)
	})
	if (!story.end) return
	const { wrong } = story.end
	say($("verdict"), wrong.length ? `${wrong.length} things went wrong` : "nothing that must hold was broken")
}

function drawTime() {
	const { last, rage, marks } = story
	const at = $("at")
	at.max = String(last || 1)
	at.value = String(now)
	set(at, "aria-valuetext", `${now.toFixed(3)} seconds of ${last.toFixed(0)}`)
	say($("now"), `${now.toFixed(3)} s`)
	const x = t => ((1000 * t) / (last || 1)).toFixed(1)
	const parts = marks.map((m, i) => ({ key: `m${i}`, ...m }))
	if (rage.from !== null) parts.unshift({ key: "rage" })
	sync($("marks"), parts, p => p.key, p => svg(p.key === "rage" ? "rect" : "path"), (mark, p) => {
		if (p.key === "rage") {
			for (const [name, value] of [["x", x(rage.from)], ["y", 0], ["width", x((rage.to ?? last) - rage.from)], ["height", 10]]) set(mark, name, value)
			return
		}
		set(mark, "class", p.wrong ? "wrong" : false)
		set(mark, "d", `M${x(p.t)} 0V10`)
	})
}

// go shows a moment.
function go(t) {
	now = Math.min(Math.max(0, t), story.last)
	draw()
	if (!playing) remember()
}

// remember puts the moment into the page's address, and asks what the picked node knew.
function remember() {
	history.replaceState(null, "", moment(storm, now, picked))
	looking?.abort()
	if (picked === null || known.at === now) return
	looking = new AbortController()
	const at = now
	look(storm, at, looking.signal).then(nodes => {
		known = { at, nodes }
		draw()
	}, error => {
		if (error.name !== "AbortError") complain(error)
	})
}

function pick(n) {
	picked = n === picked ? null : n
	stop()
	draw()
	remember()
}

function stop() {
	playing = false
	say($("play"), "Play")
	set($("play"), "aria-pressed", "false")
}

function play() {
	if (playing) {
		stop()
		go(now)
		return
	}
	if (now >= story.last) now = 0
	playing = true
	say($("play"), "Pause")
	set($("play"), "aria-pressed", "true")
	let was = performance.now()
	const frame = time => {
		if (!playing) return
		const speed = Number($("speed").value)
		const from = now
		now = Math.min(story.last, now + ((time - was) / 1000) * speed)
		was = time
		draw()
		send(from, speed)
		if (now >= story.last && story.end) {
			stop()
			go(now)
			return
		}
		requestAnimationFrame(frame)
	}
	requestAnimationFrame(frame)
}

// send lets the messages of the time since from move over the ring.
function send(from, speed) {
	const ids = new Map(story.at(now).map(n => [n.n, n.id]))
	for (const m of story.sent(from, now)) {
		if (m.e === "lost" || !ids.has(m.n) || !ids.has(m.w) || m.n === m.w) continue
		ring.move([ids.get(m.n), ids.get(m.w)], { ms: Math.min(2000, Math.max(200, m.d / 1000 / speed)), keep: 700, kind: m.e === "hop" ? "message" : "reply" })
	}
}

function step(to) {
	stop()
	if (to !== undefined) go(to)
}

$("storm").addEventListener("submit", e => {
	e.preventDefault()
	try {
		tell(parseFlags($("flags").value), 0, null)
	} catch (error) {
		complain(error)
	}
})
$("calm").addEventListener("click", async () => {
	const without = (await kinds()).join(",")
	await tell(parseFlags(`--leaf 8 --rage 30s --without ${without}`), 0, null)
})
$("fierce").addEventListener("click", () => tell(parseFlags("--leaf 8"), 0, null))
$("play").addEventListener("click", play)
$("step").addEventListener("click", () => step(story.next(now)))
$("back").addEventListener("click", () => step(story.before(now)))
$("at").addEventListener("input", e => {
	stop()
	go(Number(e.target.value))
})
$("link").addEventListener("click", async () => {
	remember()
	await navigator.clipboard.writeText(location.href)
	say($("link"), "Copied")
	setTimeout(() => say($("link"), "Copy link"), 1500)
})
document.addEventListener("keydown", e => {
	if (e.target !== document.body || e.ctrlKey || e.metaKey || e.altKey) return
	if (e.key === " ") play()
	else if (e.key === "ArrowRight") step(story.next(now))
	else if (e.key === "ArrowLeft") step(story.before(now))
	else return
	e.preventDefault()
})

async function open() {
	const was = story
	let { storm, at, node, given } = parseMoment(location.hash)
	if (!given) {
		try {
			({ storm } = parseMoment(await first()))
		} catch (error) {
			if (story === was) complain(error)
			return
		}
		if (story !== was) return // somebody has asked for another one meanwhile
	}
	tell(storm, at, node)
}
addEventListener("hashchange", open)
open()
