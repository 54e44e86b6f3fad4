// The thread with one person.

import { $, el, say, set, show, sync } from "./dom.js"
import { fileAddress, isPrint } from "./client.js"
import { called, presence } from "./people.js"
import { count, date, when } from "./words.js"
import { fails, tell } from "./fails.js"
import { openVerify } from "./verify.js"

// withLinks is a text in which links to files, and to pages of the web, can be clicked. Of a page's
// address all is shown, so that nobody goes where he does not see; what ends a sentence is none of it, nor are
// characters that turn the direction of what is read, and one that stands before it turns nothing in it.
export const withLinks = text => text.split(/(phyllo:\/\/file\/[\w-]+|https?:\/\/[^\s<>"'\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]*[^\s<>"'.,;:!?)\]\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069])/).map((part, i) => {
	if (!(i % 2)) return part
	if (part.startsWith("phyllo:")) return el("a", { href: fileAddress(part), download: "" }, "save the file")
	return el("a", { href: part, dir: "ltr", target: "_blank", rel: "noopener noreferrer" }, part)
})

export function startChat(model) {
	const log = $("messages")
	let drawn = "" // whose thread stands there

	function draw() {
		const open = model.open
		show($("thread-none"), !open)
		show($("thread-open"), open)
		set(document.body, "data-thread", open ? "open" : "list")
		if (!open) {
			drawn = ""
			return
		}
		const p = model.person() ?? { who: open, contact: null }
		const c = p.contact
		const fresh = drawn !== `${model.user} ${open}`
		if (fresh) {
			drawn = `${model.user} ${open}`
			tell($("send-error"), null)
			$("text").value = ""
			grow()
		}
		say($("thread-name"), called(p))
		say($("thread-presence"), [presence(c), c?.verified ? "verified" : ""].filter(Boolean).join(", "))
		drawActs(p)
		drawRequest(p)
		drawChanged(p)
		drawMessages(fresh)
	}

	function drawActs({ who, contact: c }) {
		const named = !isPrint(who)
		show($("act-add"), named && !c?.request && (!c?.added || c?.blocked))
		say($("act-add"), c?.blocked ? "Unblock" : "Add")
		show($("act-verify"), named)
		show($("act-block"), c && !c.blocked && !c.request)
	}

	function drawRequest(p) {
		const c = p.contact
		show($("request"), c?.request)
		show($("compose"), !c?.blocked && !(c?.request && !c.name))
		if (!c?.request) return
		const key = c.name ? "" : ` The directory does not confirm that name now: what counts is the fingerprint ${c.key}.`
		say($("request-words"), `${called(p)} is no contact of yours and has written ${count(c.waiting, "message")}.${key} Until you accept, he does not learn that you have read it.`)
	}

	function drawChanged({ contact: c }) {
		show($("key-changed"), c?.changed)
		if (!c?.changed) return
		const box = $("key-changed")
		const what = `${c.key} ${c.changed}`
		if (box.dataset.what === what) return
		box.dataset.what = what
		box.replaceChildren(
			el("p", {}, el("strong", {}, `The key of ${c.name} has changed.`),
				" Perhaps there is a new machine; perhaps somebody pretends to be the same person. Nothing is sent until you have compared the fingerprints."),
			el("button", { type: "button", onclick: () => openVerify(model, c.name) }, "Compare and verify…"))
	}

	function drawMessages(fresh) {
		const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
		const grew = log.childElementCount < model.messages.length
		sync(log, model.messages, m => `${m.mine ? "to" : "from"} ${m.id}`, makeMessage, drawMessage)
		if (fresh || (atEnd && grew) || model.messages.at(-1)?.mine && grew) log.scrollTop = log.scrollHeight
		markSeen()
	}

	function makeMessage(m) {
		return el("li", { class: m.mine ? "mine" : "theirs" },
			el("span", { class: "out" }, m.mine ? "You: " : ""), el("p", { class: "text", dir: "auto" }, ...withLinks(m.text)), el("p", { class: "note" }))
	}

	function drawMessage(li, m) {
		if (m.mine) set(li, "data-state", m.state)
		const note = li.lastChild
		const words = m.mine ? `${when(m.sent_at)} · ${signs[m.state] ?? ""}${m.state}${m.reason ? `: ${m.reason}` : ""}` : when(m.received_at ?? m.sent_at)
		say(note, words)
		const times = [`sent ${date(m.sent_at)}`]
		if (m.received_at) times.push(`received ${date(m.received_at)}`)
		if (m.delivered_at) times.push(`delivered ${date(m.delivered_at)}`)
		if (m.read_at) times.push(`read ${date(m.read_at)}`)
		set(note, "title", times.join(", "))
	}

	// markSeen tells the node what was really shown: the thread is open, on the
	// screen, and somebody looks at the window.
	let marking = false
	async function markSeen() {
		if (marking || !model.open || document.hidden || !document.hasFocus() || !log.getClientRects().length) return
		const ids = model.messages.filter(m => !m.mine && !m.read_at).map(m => m.id)
		if (!ids.length) return
		marking = true
		await new Promise(drawnNow => requestAnimationFrame(() => requestAnimationFrame(drawnNow)))
		await model.seen(ids)
		marking = false
	}
	for (const kind of ["focus", "hashchange"]) addEventListener(kind, markSeen)
	document.addEventListener("visibilitychange", markSeen)

	function grow() {
		const text = $("text")
		text.style.height = "auto"
		text.style.height = `${Math.min(text.scrollHeight + 2, 160)}px`
	}
	$("text").addEventListener("input", grow)
	$("text").addEventListener("keydown", e => {
		if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
			e.preventDefault()
			$("compose").requestSubmit()
		}
	})
	fails($("send-error"), $("compose"), "submit", async () => {
		const text = $("text").value
		if (!text.trim()) return
		$("text").value = ""
		grow()
		try {
			await model.send(text)
		} catch (err) {
			// What was typed is not lost, unless more was typed meanwhile.
			if (!$("text").value) $("text").value = text
			grow()
			throw err
		}
	})
	$("thread-back").addEventListener("click", async () => {
		const who = model.open
		await model.talk("")
		document.querySelector(`.person[data-who="${CSS.escape(who)}"]`)?.focus()
	})

	const act = (id, what) => fails($("send-error"), $(id), "click", () => model.act(what, model.open))
	act("act-add", "add")
	act("act-block", "block")
	act("request-accept", "accept")
	act("request-block", "block")
	fails($("send-error"), $("request-decline"), "click", async () => {
		await model.act("remove", model.open)
		await model.talk("")
	})
	fails($("send-error"), $("act-verify"), "click", () => openVerify(model, model.open))

	model.on("thread", draw)
	model.on("people", draw)
}

const signs = { queued: "◷ ", delivered: "✓ ", read: "✓✓ ", failed: "✕ " }
