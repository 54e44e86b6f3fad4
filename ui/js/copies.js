// How many nodes keep a file, in words.

import { say, set } from "./dom.js"

export const fewer = "Fewer copies than wanted: the rest are made when more nodes are there, without being asked."

// drawCopies writes into an element how many nodes keep a file.
export function drawCopies(place, c) {
	const failed = c instanceof Error
	const few = c && !failed && c.copies < c.wanted
	say(place, !c ? "…" : failed ? "not known" : `${few ? "! " : ""}${c.copies} of ${c.wanted}`)
	place.classList.toggle("few", Boolean(few))
	set(place, "title", !c ? "They are being counted" : failed ? c.message : few ? fewer : false)
}
