// How many nodes keep a file, or how many parts of an archive there are, in words.

import { say, set } from "./dom.js"

const fewer = "Fewer copies than wanted: the rest are made when more nodes are there, without being asked."

const missing = "More parts are missing than usual: your computer makes them anew, if it runs now and then."
const lost = "Too few parts are left to read it. Some may be on computers that are away."

// few says what is wrong with a file's copies, or nothing. Of an archive some parts are always missing, and
// made anew only when more than a quarter of those that may be are.
function few({ copies, wanted, need }) {
	if (!need) return copies < wanted ? fewer : ""
	if (copies < need) return lost
	return wanted - copies > (wanted - need) / 4 ? missing : ""
}

// counted says how many copies or parts there are.
export function counted({ copies, wanted, need }) {
	return need ? `${copies} of ${wanted} parts, any ${need} are enough` : `${copies} of ${wanted} copies`
}

// drawCopies writes into an element how many nodes keep a file; in a narrow place no more than that. It
// returns what is wrong, or nothing.
export function drawCopies(place, c, narrow) {
	const known = c && !(c instanceof Error)
	const wrong = known ? few(c) : ""
	const number = known && narrow ? `${c.copies} of ${c.wanted}${c.need ? " parts" : ""}` : known && (c.need ? counted(c) : `${c.copies} of ${c.wanted}`)
	say(place, !c ? "…" : known ? `${wrong ? "! " : ""}${number}` : "not known")
	place.classList.toggle("few", Boolean(wrong))
	set(place, "title", !c ? "They are being counted" : !known ? c.message : wrong || (c.need ? `Any ${c.need} of them are enough` : false))
	return wrong
}
