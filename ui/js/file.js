// One file: its versions, a link to it, and its end.

import { $, el, say, set, show } from "./dom.js"
import { ask as askLine, cleanName } from "./asking.js"
import { copyLine } from "./clipboard.js"
import { drawCopies } from "./copies.js"
import { fails, tell } from "./fails.js"
import { bytes, count, date } from "./words.js"

let shelf = null, file = null, versions = [], doomed // the version that may be removed; undefined: all

// openFile shows a file. An error in asking for its versions is shown with it.
export async function openFile(of, which) {
	shelf = of
	file = which
	versions = []
	say($("file-title"), file.name.split("/").at(-1))
	tell($("file-error"), null)
	show($("file-link"), false)
	show($("file-sure"), false)
	for (const id of ["file-move", "file-remove"]) show($(id), shelf.writes())
	drawFacts()
	drawVersions()
	$("file").showModal()
	shelf.count(file)
	await load()
}

async function load() {
	const asked = file
	try {
		const list = await shelf.history(file.name)
		if (asked === file) versions = list
	} catch (err) {
		tell($("file-error"), err)
	}
	drawVersions()
}

function drawFacts() {
	const copies = el("span")
	const wrong = drawCopies(copies, shelf.copies(file))
	const facts = [
		["where", `${file.space} / ${file.name.split("/").join(" / ")}`], ["size", bytes(file.size)], ["stored", `${date(file.modified)}${file.by ? ` by ${file.by}` : ""}`],
		["kept until", file.expires ? date(file.expires) : ""], [file.need ? "archive" : "copies", copies],
	].filter(([, value]) => value)
	$("file-facts").replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name),
		el("dd", {}, value, value === copies && wrong ? el("p", { class: "quiet" }, wrong) : ""))))
}

function drawVersions() {
	show($("versions-title"), versions.length)
	$("versions").replaceChildren(...versions.map((v, i) => {
		const words = v.removed ? "removed" : bytes(v.size)
		const li = el("li", {}, el("span", { class: "what" }, `${date(v.modified)}, ${words}${v.by ? `, by ${v.by}` : ""}${i === 0 ? " (the newest)" : ""}`))
		if (v.removed) return li
		const save = el("button", { type: "button", class: "plain", "aria-label": `Download the version of ${date(v.modified)}` }, "Download")
		fails($("file-error"), save, "click", () => shelf.download(v.name, v.version))
		li.append(save)
		if (shelf.writes() && versions.length > 1) {
			li.append(el("button", { type: "button", class: "danger", "aria-label": `Remove the version of ${date(v.modified)}`, onclick: () => ask(v) }, "Remove…"))
		}
		return li
	}))
}

// ask asks whether a version is to be removed, or all.
function ask(version) {
	doomed = version?.version
	const name = $("file-title").textContent
	const more = versions.length > 1 ? ` with all its ${count(versions.length, "version")}` : ""
	say($("file-sure-words"), version
		? `Remove the version of ${date(version.modified)} of “${name}” for good? The others stay.`
		: `Remove “${name}”${more} for good? It cannot be brought back, and links to it end.`)
	show($("file-link"), false)
	show($("file-sure"), true)
	$("file-sure-no").focus()
}

// startFile makes the buttons of the dialog work.
export function startFile() {
	fails($("file-error"), $("file-save"), "click", () => shelf.download(file.name, file.version))
	fails($("file-error"), $("file-share"), "click", async () => {
		const line = $("file-link-line")
		line.value = await shelf.share(file.name, file.version)
		show($("file-sure"), false)
		show($("file-link"), true)
		line.focus()
		line.setSelectionRange(0, line.value.length, "backward") // its beginning is seen
	})
	copyLine($("file-link-copy"), $("file-link-line"))
	$("file-move").addEventListener("click", () => {
		const { name } = file
		$("file").close()
		askLine({
			why: `Another name for “${name.split("/").at(-1)}”, with the folders in which it is to be. Its older versions stay under the old name.`,
			label: "Name", verb: "Move it", text: name, act: async typed => {
				const to = cleanName(typed, "file")
				if (to !== name) await shelf.move(name, to)
			},
		})
	})
	$("file-remove").addEventListener("click", () => ask(null))
	$("file-sure-no").addEventListener("click", () => {
		show($("file-sure"), false)
		$("file-remove").focus()
	})
	fails($("file-error"), $("file-sure-yes"), "click", async () => {
		const one = doomed
		await shelf.remove(file.name, one)
		show($("file-sure"), false)
		const now = shelf.files.find(f => f.name === file.name)
		if (one === undefined || !now) {
			$("file").close()
			$("crumbs").lastElementChild.firstChild.focus() // the row that had it is gone
			return
		}
		file = now
		await load()
	})
	return () => { if ($("file").open) drawFacts() }
}
