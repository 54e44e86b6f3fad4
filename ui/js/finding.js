// A field for the name of somebody, which finds people as one types: those whom the user knows at
// once, and others as the nodes of the ring answer.

import { el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"

// A question makes all nodes of the ring work, so it is asked when the typing has paused, and what
// came serves for each longer beginning of a name, too.
const pause = 350
const fresh = 60_000
const most = 50

// startFinding makes a field find people. pick(name) is told whom the user chooses; when says whether
// the field asks for somebody now. People are shown below the row of the field. It returns
// { everybody, clear }: to list who is in the ring, and to forget what was typed.
export function startFinding(model, field, { pick, when = () => true }) {
	const list = el("ul", { id: `${field.id}-found`, class: "found-people rows", role: "listbox", "aria-label": "People found", hidden: true })
	const words = el("p", { id: `${field.id}-words`, class: "quiet", role: "status", hidden: true })
	field.closest(".row").after(list, words)
	let asked = null // the question to the ring: { text, people, ended, reached, at, stop, error }
	let all = false // everybody is wanted
	let quiet = true // what stands in the field was chosen, and not typed
	let shown = []
	let at = -1 // the place of the chosen one in shown
	let due = 0

	const normal = text => text.normalize("NFC").toLowerCase()
	const typed = () => normal(field.value.trim())
	const open = () => !quiet && when() && Boolean(all || typed())
	const wild = text => /[*?]/.test(text) // * stands for any characters, and ? for one
	const fits = (name, text) => wild(text) || normal(name).startsWith(text)

	// serves says whether what was asked holds the answer for what is typed now.
	function serves(text) {
		if (!asked || asked.error) return false
		return asked.text === text || !wild(asked.text + text) && text.startsWith(asked.text) && !asked.reached?.more
	}
	const wants = () => open() && (!serves(typed()) || asked.ended && Date.now() - asked.at > fresh)

	async function ask(text) {
		asked?.stop.abort()
		const now = asked = { text, people: new Map(), ended: false, reached: null, stop: new AbortController() }
		draw()
		try {
			now.reached = await client.findPeople({ pattern: wild(text) ? text : `${text}*`, limit: most }, people => {
				for (const u of people) now.people.set(u.name, u)
				if (now === asked) draw()
			}, now.stop.signal)
		} catch (err) {
			now.error = err
		}
		now.ended = true
		now.at = Date.now()
		if (now !== asked) return
		draw()
		if (!now.error && wants()) later()
	}

	function later(ms = pause) {
		clearTimeout(due)
		due = setTimeout(() => {
			if (wants()) ask(typed())
		}, ms)
	}

	// fitting lists whom the field shows: whom the user knows first.
	function fitting() {
		const text = typed(), people = new Map()
		const known = new Set(model.contacts.filter(c => c.added && !c.blocked).map(c => c.name))
		if (!wild(text)) for (const name of known) if (fits(name, text)) people.set(name, knows)
		for (const u of serves(text) ? asked.people.values() : []) {
			if (u.name === model.user || !fits(u.name, text) || people.has(u.name)) continue
			people.set(u.name, known.has(u.name) ? knows : [u.profile?.full_name, u.profile?.about].filter(Boolean).join(", "))
		}
		return [...people].map(([name, note]) => ({ name, note }))
	}

	function draw() {
		const is = open(), chosen = shown[at]?.name
		shown = is ? fitting() : []
		at = shown.findIndex(p => p.name === chosen)
		sync(list, shown, p => p.name, p => el("li", { class: "person", role: "option", onmousedown: e => e.preventDefault(), onclick: () => choose(p.name) },
			el("span", { class: "name" }), el("span", { class: "last" })), drawOne)
		show(list, shown.length)
		set(field, "aria-expanded", shown.length ? "true" : "false")
		mark()
		const text = is ? sentence() : ""
		show(words, text)
		say(words, text)
	}

	function drawOne(li, p) {
		say(li.children[0], p.name)
		say(li.children[1], p.note)
		show(li.children[1], p.note)
	}

	function sentence() {
		if (asked?.error) return `The ring cannot be asked: ${asked.error.message}`
		if (!serves(typed()) || !asked.ended) return "Asking the ring …"
		const { nodes, about, more } = asked.reached
		const part = nodes < about ? ` ${nodes} of about ${about} nodes have answered.` : ""
		if (more) return `There are more: type more of the name.${part}`
		if (shown.length) return part.trim()
		return (all && !typed() ? "Nobody else lets himself be listed." : "Nobody who lets himself be listed is called so; others are found by their whole name.") + part
	}

	// mark shows which one of the list the keyboard has chosen.
	function mark() {
		for (const [i, li] of [...list.children].entries()) {
			set(li, "id", `${list.id}-${i}`)
			set(li, "aria-selected", i === at ? "true" : "false")
		}
		set(field, "aria-activedescendant", at >= 0 ? list.children[at].id : false)
		if (at >= 0) list.children[at].scrollIntoView({ block: "nearest" })
	}

	function choose(name) {
		clear()
		pick(name)
	}

	function clear() {
		clearTimeout(due)
		all = false
		quiet = true
		at = -1
		if (asked && !asked.ended) {
			asked.stop.abort()
			asked = null
		}
		field.value = ""
		for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id]]) set(field, name, when() && value)
		draw()
		if (!when()) set(field, "aria-expanded", false)
	}

	field.addEventListener("input", () => {
		quiet = false
		at = -1
		draw()
		if (wants()) later()
	})
	field.addEventListener("keydown", e => {
		if (!open() || e.isComposing) return
		const step = { ArrowDown: 1, ArrowUp: -1 }[e.key]
		if (step && shown.length) {
			at = at < 0 && step < 0 ? shown.length - 1 : Math.min(Math.max(at + step, -1), shown.length - 1)
			mark()
		} else if (e.key === "Enter" && at >= 0) {
			choose(shown[at].name)
		} else if (e.key === "Escape") {
			clear()
		} else {
			return
		}
		e.preventDefault()
		e.stopPropagation()
	})
	model.on("people", () => open() && draw())
	clear()

	return {
		clear,
		everybody() {
			clear()
			all = true
			quiet = false
			field.focus()
			draw()
			later(0)
		},
	}
}

const knows = "a contact of yours"
