// What was said in the room that is open: answers, what is changed, and one thread of it alone.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { count, date, when } from "./words.js"
import { withLinks } from "./chat.js"
import { fails, tell } from "./fails.js"

// startLog shows what was said in the room of desk (see rooms.js).
export function startLog(desk) {
	const log = $("room-messages")
	let acted = "" // the message whose buttons are shown
	let thread = "" // the first message of the thread that is shown alone
	let replies = "", edits = "" // the message that is answered, or changed

	const find = id => desk.said().find(m => m.id === id)
	const author = m => m.mine ? "you" : m.from
	const lost = m => m.locked || m.removed

	// topOf is the first message of a thread, as far as it has come.
	function topOf(m) {
		for (let above = find(m.reply); above; above = find(m.reply)) m = above
		return m.id
	}

	function draw() {
		const r = desk.room(), said = desk.said()
		if (!find(thread)) thread = ""
		if (replies && !find(replies) || edits && !find(edits)) write("", "")
		const answers = new Map()
		for (const m of said) if (m.reply) answers.set(m.reply, (answers.get(m.reply) ?? 0) + 1)
		const shown = thread ? said.filter(m => topOf(m) === thread) : said
		show($("room-thread"), thread)
		const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
		sync(log, shown, m => m.id, makeMessage, (li, m) => drawMessage(li, m, answers.get(m.id) ?? 0))
		if (atEnd) log.scrollTop = log.scrollHeight
		show($("room-empty"), r.joined && !r.waiting && !r.invited && !said.length)
		drawTarget()
		markSeen()
	}

	function makeMessage(m) {
		const act = (words, f) => el("button", { type: "button", class: "plain", onclick: f }, words)
		return el("li", { class: m.mine ? "mine" : "theirs", "data-id": m.id },
			el("strong", { class: "who" }),
			el("button", { type: "button", class: "quote", onclick: () => goTo(find(m.id)?.reply) }),
			el("p", { class: "text", dir: "auto" }),
			el("div", { class: "foot" },
				el("button", { type: "button", class: "more", "aria-label": "Answer", onclick: () => choose(m.id) }, "⋯"),
				el("button", { type: "button", class: "answers", onclick: () => only(m.id) }),
				el("p", { class: "note" })),
			el("div", { class: "row does" },
				act("Reply", () => write(m.id, "")),
				m.mine && act("Edit", () => write("", m.id)),
				m.mine && el("button", { type: "button", class: "danger", onclick: () => takeBack(m.id) }, "Take back")))
	}

	function drawMessage(li, m, answers) {
		const [who, quote, text, foot, does] = li.children
		const [more, thread, note] = foot.children
		say(who, m.mine ? "You" : m.from)
		const to = m.reply && find(m.reply)
		show(quote, m.reply)
		set(quote, "disabled", !to)
		say(quote, to ? `${author(to)}: ${lost(to) ? "…" : to.text.replace(/\s+/g, " ").slice(0, 100)}` : m.reply ? "to something earlier" : "")
		set(quote, "title", to ? "Show what this answers" : false)
		const words = m.locked ? "Locked: its key comes when a member who has it is there." : m.removed ? "Taken back." : m.text
		if (text.dataset.words !== words) {
			text.dataset.words = words
			text.replaceChildren(...withLinks(words))
		}
		text.classList.toggle("quiet", Boolean(lost(m)))
		show(more, desk.here() && !lost(m))
		set(more, "aria-label", m.mine ? "Answer, edit or take back" : "Answer")
		set(more, "aria-expanded", String(acted === m.id))
		show(thread, answers)
		say(thread, answers ? count(answers, "answer") : "")
		show(does, acted === m.id && desk.here() && !lost(m))
		say(note, [when(m.sent_at), m.edited ? "edited" : "", m.mine ? reached(m.receipts) : ""].filter(Boolean).join(" · "))
		const readers = m.receipts?.read_by
		set(note, "title", `sent ${date(m.sent_at)}${readers?.length ? `; read by ${readers.join(", ")}` : ""}`)
	}

	// reached says how far a message has come.
	function reached(r) {
		if (!r?.of) return ""
		if (r.read) return r.read === r.of ? "read by all" : `read by ${r.read} of ${r.of}`
		return r.delivered === r.of ? "delivered" : r.delivered ? `delivered to ${r.delivered} of ${r.of}` : "sent"
	}

	const item = id => log.querySelector(`[data-id="${CSS.escape(id)}"]`)

	function choose(id) {
		acted = acted === id ? "" : id
		draw()
		item(id)?.querySelector(".does")?.scrollIntoView({ block: "nearest" })
	}

	function goTo(id) {
		const li = id && item(id)
		if (!li) return
		li.scrollIntoView({ block: "nearest" })
		li.classList.remove("flash")
		requestAnimationFrame(() => li.classList.add("flash"))
	}

	function only(id) {
		const m = find(id)
		thread = m ? topOf(m) : ""
		draw()
		if (m) $("room-thread-all").focus()
		else log.scrollTop = log.scrollHeight
	}
	$("room-thread-all").addEventListener("click", () => {
		const was = thread
		only("")
		goTo(was)
	})

	// write says what the next words are: an answer to a message, or in the place of one, or neither.
	function write(reply, edit) {
		const wasEditing = edits
		replies = reply
		edits = edit
		acted = ""
		if (edit) $("room-text").value = find(edit).text
		else if (wasEditing) $("room-text").value = ""
		drawTarget()
		if (!reply && !edit) return
		draw()
		$("room-text").focus()
	}

	function drawTarget() {
		const m = find(replies || edits)
		show($("room-target"), m)
		say($("room-target-words"), !m ? "" : edits ? "You change what you said." : `To ${author(m)}: ${m.text.replace(/\s+/g, " ").slice(0, 80)}`)
		say($("room-say"), edits ? "Change" : "Say")
	}
	$("room-target-cancel").addEventListener("click", () => {
		write("", "")
		$("room-text").focus()
	})

	async function takeBack(id) {
		tell($("room-error"), null)
		try {
			await client.sayInRoom(desk.user(), desk.id(), { text: "", edits: id })
			acted = ""
			await desk.load()
			log.focus()
		} catch (err) {
			tell($("room-error"), err)
		}
	}

	// markSeen tells the node what was really shown.
	let marking = false
	async function markSeen() {
		const r = desk.room()
		if (marking || !r?.unread || r.invited || document.hidden || !document.hasFocus() || !log.getClientRects().length || !desk.said().length) return
		marking = true
		try {
			await client.roomRead(desk.user(), r.id)
			r.unread = 0
			desk.soon()
		} catch (err) {
			tell($("room-error"), err)
		}
		marking = false
	}
	for (const kind of ["focus", "hashchange"]) addEventListener(kind, markSeen)
	document.addEventListener("visibilitychange", markSeen)

	$("room-text").addEventListener("keydown", e => {
		if (e.key === "Escape" && (replies || edits)) {
			write("", "")
		} else if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
			e.preventDefault()
			$("room-compose").requestSubmit()
		}
	})
	fails($("room-error"), $("room-compose"), "submit", async () => {
		const text = $("room-text").value
		if (!text.trim()) return
		// In a thread that is shown alone, what is said belongs to it.
		const words = { text, reply: edits ? find(edits)?.reply : replies || thread, edits }
		$("room-text").value = ""
		try {
			await client.sayInRoom(desk.user(), desk.id(), words)
		} catch (err) {
			if (!$("room-text").value) $("room-text").value = text
			throw err
		}
		edits = ""
		write("", "")
		await desk.load()
		if (!words.edits) log.scrollTop = log.scrollHeight
	})

	return {
		draw,
		// begin forgets what was about to be done in another room.
		begin() {
			acted = thread = replies = edits = ""
			$("room-text").value = ""
			drawTarget()
		},
		end() {
			log.scrollTop = log.scrollHeight
		},
	}
}
