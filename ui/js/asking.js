// The line of text that something wants: a space's name, a folder's, a link.

import { $, say, show } from "./dom.js"
import { fails, tell } from "./fails.js"

let act = null, from = null

// ask asks for a line. act(text) is called when it is given; what it throws is shown, and it is asked
// for again. from gets the keyboard back.
export function ask(q) {
	act = q.act
	from = q.from
	say($("ask-why"), q.why)
	say($("ask-label"), q.label)
	say($("ask-do"), q.verb)
	tell($("ask-error"), null)
	const line = $("ask-text")
	line.value = q.text ?? ""
	show($("ask"), true)
	line.focus()
	line.setSelectionRange(line.value.lastIndexOf("/") + 1, line.value.length) // the folders stay, as a rule
}

function close() {
	show($("ask"), false)
	const back = from?.isConnected && from.getClientRects().length ? from : $("crumbs").lastElementChild?.firstChild
	back?.focus()
}

export function startAsking() {
	$("ask-cancel").addEventListener("click", close)
	$("ask").addEventListener("keydown", e => { if (e.key === "Escape") close() })
	fails($("ask-error"), $("ask"), "submit", async () => {
		await act($("ask-text").value.trim())
		close()
	})
}

// cleanName is a name as it was typed, without slashes around it.
export function cleanName(typed, what) {
	const clean = typed.normalize("NFC").replace(/^\/+|\/+$/g, "")
	if (!clean || clean.split("/").some(p => !p || p === "." || p === "..")) {
		throw new Error(`This cannot be the name of a ${what}: choose another, without dots alone and empty parts.`)
	}
	return clean
}
