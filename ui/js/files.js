// The list of files, and the way through spaces and folders.

import { $, el, say, set, show, sync } from "./dom.js"
import { ask, startAsking } from "./asking.js"
import { drawCopies } from "./copies.js"
import { fails, tell } from "./fails.js"
import { openFile, startFile } from "./file.js"
import { startFolder } from "./folder.js"
import { startSharing } from "./sharing.js"
import { bytes, date, when } from "./words.js"

export function startFiles(model, shelf) {
	// Copies are counted of what is seen.
	const seen = new IntersectionObserver(entries => {
		for (const e of entries) if (e.isIntersecting) shelf.count(e.target.file)
	})

	function draw() {
		const { user, spaces, space } = shelf
		show($("files-nobody"), model.known && !model.users.length)
		show($("files-of"), user)
		show($("shelf"), user)
		if (!user) return
		const names = (spaces ?? []).map(s => s.name)
		if (!names.includes(space)) names.unshift(space) // it is made with its first file
		sync($("space"), names, n => n, n => el("option", { value: n }, n), () => {})
		$("space").value = space
		const trouble = shelf.here()?.trouble
		tell($("files-trouble"), shelf.error ?? (trouble ? new Error(trouble) : null))
		show($("storing"), shelf.writes())
		drawCrumbs()
		drawRows()
	}

	function drawCrumbs() {
		const parts = shelf.folder.split("/").slice(0, -1)
		const crumbs = [{ at: "", name: shelf.space }, ...parts.map((name, i) => ({ at: parts.slice(0, i + 1).join("/") + "/", name }))]
		sync($("crumbs"), crumbs, c => c.at, () => el("li", {}, el("button", { type: "button", class: "plain" })), (li, c) => {
			const button = li.firstChild
			say(button, c.name)
			set(button, "aria-current", c.at === shelf.folder ? "location" : false)
			button.onclick = () => shelf.open(shelf.space, c.at)
		})
	}

	function drawRows() {
		const rows = [...shelf.folders.map(name => ({ folder: true, name })), ...shelf.files]
		const known = shelf.spaces && !shelf.error && !shelf.here()?.trouble
		show($("files-table"), rows.length)
		show($("files-empty"), known && !rows.length)
		say($("files-empty"), shelf.writes()
			? shelf.folder
				? "Nothing is in this folder yet. Drop files here, or choose them with Upload files."
				: "Nothing is stored here yet. Drop files here, or choose them with Upload files: they are sealed on this computer, and several nodes of the ring keep a copy of each, so that they survive the loss of this one."
			: "Nothing is here yet, and you may only read this space.")
		show($("files-more"), shelf.next)
		sync($("files-rows"), rows, r => `${r.folder ? "folder" : "file"} ${shelf.space} ${r.name}`, makeRow, drawRow)
	}

	function makeRow(r) {
		const name = el("button", { type: "button", class: r.folder ? "open folder" : "open" })
		const cells = ["name", "size", "time", "copies", "acts"].map(c => el("td", { class: c }))
		cells[0].append(name)
		const tr = el("tr", {}, ...cells)
		if (r.folder) {
			name.onclick = async () => {
				await shelf.open(shelf.space, r.name)
				$("crumbs").lastElementChild?.firstChild.focus()
			}
			return tr
		}
		name.onclick = () => openFile(shelf, tr.file)
		const button = el("button", { type: "button", class: "plain" }, "Download")
		fails($("files-error"), button, "click", () => shelf.download(r.name, tr.file.version))
		cells[4].append(button)
		return tr
	}

	function drawRow(tr, r) {
		const [name, size, time, copies, acts] = tr.children
		const short = r.name.slice(shelf.folder.length)
		say(name.firstChild, r.folder ? short.slice(0, -1) : short)
		if (r.folder) return
		const round = `${r.version} ${shelf.round}`
		tr.file = r
		if (tr.round !== round) {
			tr.round = round
			seen.unobserve(tr)
			seen.observe(tr)
		}
		set(acts.firstChild, "aria-label", `Download ${short}`)
		say(size, bytes(r.size))
		say(time, when(r.modified))
		set(time, "title", [date(r.modified), r.by && `by ${r.by}`, r.expires && `kept until ${date(r.expires)}`].filter(Boolean).join(", "))
		drawCopies(copies, shelf.copies(r), true)
	}

	$("space").addEventListener("change", () => shelf.open($("space").value, ""))
	fails($("files-error"), $("files-again"), "click", () => shelf.again())
	fails($("files-error"), $("files-more"), "click", () => shelf.more())
	$("new-space").addEventListener("click", () => ask({
		from: $("new-space"), why: "A space is a tree of files of its own, which you can let others use.", label: "Name", verb: "Make it", act: name => shelf.addSpace(name),
	}))
	$("open-link").addEventListener("click", () => ask({
		from: $("open-link"), why: "Paste a link that somebody has sent you: a file is saved on this computer, a space is put on your list.", label: "Link", verb: "Open it",
		act: link => shelf.openLink(link),
	}))
	startAsking()
	startFolder(shelf)
	startSharing(model, shelf)
	shelf.on(startFile())
	shelf.on(draw)
	model.on("users", () => {
		shelf.use(model.user)
		draw()
	})
	model.on("link", () => {
		if (model.link === true && shelf.error) shelf.load()
		else draw()
	})
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden && shelf.user) shelf.load()
	})
	draw()
}
