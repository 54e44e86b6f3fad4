// Storing files that were dropped or chosen, one after another, each with its progress.

import { $, el, say, set, show, sync } from "./dom.js"
import { counted } from "./copies.js"
import { bytes } from "./words.js"

// How many that are stored stay on the list; those that failed stay until they are dismissed.
const kept = 4

export function startUploads(shelf) {
	const list = [] // {id, where, file, sent, began, state, words, end}; state: waiting, sending, stored, few, failed
	const keep = $("keep")
	let made = 0, running = false

	function add(file, path) {
		const name = shelf.folder + path.normalize("NFC")
		const archive = keep.value === "archive"
		list.push({ id: ++made, where: { user: shelf.user, space: shelf.space, name, archive }, file, state: "waiting", sent: 0 })
	}

	async function run() {
		draw()
		if (running) return
		running = true
		for (let u; (u = list.find(x => x.state === "waiting"));) await store(u)
		running = false
	}

	async function store(u) {
		u.state = "sending"
		u.sent = 0
		u.began = performance.now()
		u.end = new AbortController()
		draw()
		try {
			const f = await shelf.store(u.where, u.file, sent => {
				u.sent = sent
				drawOne(u)
			}, u.end.signal)
			const few = !f.need && f.copies < f.wanted
			u.state = few ? "few" : "stored"
			u.words = `stored, ${counted(f)}${few ? ": the rest are made when more nodes are there" : ""}${u.where.archive && !f.need && f.size ? "; for an archive this ring has too few computers" : ""}`
		} catch (err) {
			u.state = "failed"
			u.words = err.message
		}
		say($("uploads-said"), `${u.where.name}: ${u.words}`)
		const done = list.filter(x => x.state === "stored" || x.state === "few")
		if (done.length > kept) list.splice(list.indexOf(done[0]), 1)
		draw()
	}

	function drop(u) {
		if (u.state === "sending") {
			u.end.abort()
			return
		}
		list.splice(list.indexOf(u), 1)
		draw()
		$("upload").focus()
	}

	function draw() {
		sync($("uploads"), list, u => u.id, u => el("li", {},
			el("span", { class: "what" }, u.where.name), el("progress", { max: Math.max(1, u.file.size), "aria-label": `Progress of ${u.where.name}` }), el("span", { class: "words" }),
			el("button", { type: "button", class: "plain", onclick: () => again(u) }, "Try again"),
			el("button", { type: "button", class: "plain", onclick: () => drop(u) })), (li, u) => {
			u.li = li
			drawOne(u)
		})
	}

	function again(u) {
		u.state = "waiting"
		u.li.lastChild.focus()
		run()
	}

	function drawOne(u) {
		const [, progress, words, retry, end] = u.li.children
		const ended = !["waiting", "sending"].includes(u.state)
		set(u.li, "data-state", u.state)
		show(progress, !ended)
		progress.value = Math.min(u.sent, u.file.size)
		show(retry, u.state === "failed")
		say(words, ended ? u.words : u.state === "waiting" ? "waits" : going(u))
		say(end, u.state === "sending" ? "Stop" : ended ? "Dismiss" : "Cancel")
		set(end, "aria-label", `${end.textContent}: ${u.where.name}`)
	}

	keep.addEventListener("change", () => show($("keep-words"), keep.value === "archive"))
	const chosen = $("upload-files")
	$("upload").addEventListener("click", () => chosen.click())
	chosen.addEventListener("change", () => {
		for (const file of chosen.files) add(file, file.name)
		chosen.value = ""
		run()
	})
	takeDrops(shelf, async items => {
		for (const { file, path } of items) add(file, path)
		run()
	}, err => say($("uploads-said"), err.message))
	addEventListener("beforeunload", e => {
		if (list.some(u => u.state === "sending" || u.state === "waiting")) e.preventDefault()
	})
}

// going says how far an upload is. Its last bytes are stored while the bar is full already.
function going(u) {
	const rate = u.sent / Math.max(0.001, (performance.now() - u.began) / 1000)
	if (u.sent >= u.file.size) return `all ${bytes(u.file.size)} sent: copies are being made …`
	return `${bytes(u.sent)} of ${bytes(u.file.size)}, ${bytes(rate)}/s`
}

// takeDrops calls take with the files that are dropped on the part of the page that shows files;
// those that are dropped elsewhere would replace the page.
function takeDrops(shelf, take, fail) {
	const place = $("files")
	const hasFiles = e => e.dataTransfer?.types.includes("Files")
	const inside = e => place.contains(e.target) && shelf.writes()
	const light = on => {
		place.classList.toggle("over", on)
		show($("drop"), on)
		say($("drop"), on ? `Drop to store in ${shelf.space} / ${shelf.folder.split("/").join(" / ")}`.replace(/[ /]+$/, "") : "")
	}
	addEventListener("dragover", e => {
		if (!hasFiles(e)) return
		e.preventDefault()
		e.dataTransfer.dropEffect = inside(e) ? "copy" : "none"
		light(inside(e))
	})
	addEventListener("dragleave", e => { if (!e.relatedTarget) light(false) })
	addEventListener("drop", async e => {
		if (!hasFiles(e)) return
		e.preventDefault()
		light(false)
		if (!inside(e)) return
		// All entries are asked for before anything waits: the list is gone then.
		const entries = [...e.dataTransfer.items].map(i => i.webkitGetAsEntry?.()).filter(Boolean)
		try {
			take(entries.length ? (await Promise.all(entries.map(x => filesOf(x, "")))).flat() : [...e.dataTransfer.files].map(file => ({ file, path: file.name })))
		} catch (err) {
			fail(err)
		}
	})
}

// filesOf lists the files of a dropped file or folder.
async function filesOf(entry, above) {
	const path = above + entry.name
	if (entry.isFile) return [{ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) }]
	const reader = entry.createReader(), all = []
	for (;;) {
		const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)) // at most 100
		if (!some.length) return all
		for (const x of some) all.push(...await filesOf(x, `${path}/`))
	}
}
