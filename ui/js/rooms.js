// Rooms: who talks with several people at once.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { count, date, when } from "./words.js"
import { withFiles } from "./chat.js"
import { fails, tell } from "./fails.js"

export function startRooms(model) {
	let rooms = []
	let open = "" // the id of the room that is shown
	let said = []
	let user = ""
	let asking = "" // what the form asks for: a "room" to make, or "somebody" to invite
	const log = $("room-messages")

	const room = () => rooms.find(r => r.id === open) ?? null

	// Of what comes late, from another user's rooms or an older question, nothing is drawn.
	let turn = 0
	async function load() {
		const now = ++turn, whose = model.user
		if (whose !== user) {
			user = whose
			open = ""
			said = []
		}
		const list = whose ? await client.rooms(whose) : []
		const words = open && list.some(r => r.id === open && !r.invited) ? await client.roomHistory(whose, open) : []
		if (now !== turn) return
		rooms = list
		said = words
		if (open && !room()) open = ""
		draw()
	}

	let due = 0
	function soon() {
		clearTimeout(due)
		due = setTimeout(() => load().catch(err => tell($("rooms-error"), err)), 60)
	}

	function draw() {
		show($("rooms-nobody"), !user)
		show($("rooms-talk"), user)
		sync($("rooms-list"), rooms, r => `${r.id} ${r.invited ? "invited" : ""}`, makeRoom, drawRoom)
		show($("rooms-empty"), user && !rooms.length)
		const unread = rooms.reduce((sum, r) => sum + (r.unread ?? 0) + (r.invited ? 1 : 0), 0)
		show($("tab-rooms"), unread)
		say($("tab-rooms").firstChild, String(unread))
		drawOpen()
	}

	function makeRoom(r) {
		const button = el("button", { type: "button", class: "person", onclick: () => enter(r.id) },
			el("span", { "aria-hidden": "true" }, "#"), el("span", { class: "name" }), el("span", { class: "badge" }), el("span", { class: "time" }), el("span", { class: "last" }))
		return el("li", {}, button)
	}

	function drawRoom(li, r) {
		const button = li.firstChild
		const [, name, badge, , last] = button.children
		set(button, "data-room", r.name)
		set(button, "aria-current", r.id === open ? "true" : false)
		say(name, r.name)
		const words = r.invited ? "invitation" : r.unread ? `${r.unread} new` : ""
		show(badge, words)
		say(badge, words)
		say(last, r.invited ? `${r.invited} invites you` : !r.joined ? "you are not in it any more" : count(r.members?.length ?? 0, "member"))
	}

	async function enter(id) {
		open = id
		said = []
		tell($("room-error"), null)
		closeAsk()
		draw()
		log.scrollTop = log.scrollHeight
		await load()
		log.scrollTop = log.scrollHeight
		if (id) $("room-name").focus()
	}

	function drawOpen() {
		const r = room()
		set(document.body, "data-room", r ? "open" : "list")
		show($("room-none"), !r)
		show($("room-open"), r)
		if (!r) return
		say($("room-name"), `#${r.name}`)
		const names = (r.members ?? []).map(m => m.name || m.key)
		say($("room-members"), r.invited ? "" : names.join(", "))
		show($("room-trouble"), r.trouble)
		say($("room-trouble"), r.trouble ?? "")
		show($("room-invited"), r.invited)
		say($("room-invited-words"), r.invited ? `${r.invited} has made you a member of #${r.name}. You read what was said, also before, when you have joined.` : "")
		const here = r.joined && !r.invited
		show($("room-compose"), here)
		show($("room-invite"), here && (r.role === "owner" || r.role === "admin"))
		show($("room-leave"), here && r.role !== "owner")
		const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
		sync(log, said, m => m.id, makeMessage, drawMessage)
		if (atEnd) log.scrollTop = log.scrollHeight
		markSeen()
	}

	function makeMessage(m) {
		return el("li", { class: m.mine ? "mine" : "theirs" }, el("strong", { class: "who" }), el("p", { class: "text", dir: "auto" }), el("p", { class: "note" }))
	}

	function drawMessage(li, m) {
		const [who, text, note] = li.children
		say(who, m.mine ? "You" : m.from)
		const words = m.locked ? "Locked: its key comes when a member who has it is there." : m.removed ? "Taken back." : m.text
		if (text.dataset.words !== words) {
			text.dataset.words = words
			text.replaceChildren(...withFiles(words))
		}
		text.classList.toggle("quiet", Boolean(m.locked || m.removed))
		const answered = m.reply && said.find(x => x.id === m.reply)
		say(note, [answered ? `to ${answered.mine ? "you" : answered.from}` : "", when(m.sent_at), m.edited ? "edited" : "", m.mine ? reached(m.receipts) : ""].filter(Boolean).join(" · "))
		const readers = m.receipts?.read_by
		set(note, "title", `sent ${date(m.sent_at)}${readers ? `; read by ${readers.join(", ")}` : ""}`)
	}

	// reached says how far a message has come.
	function reached(r) {
		if (!r?.of) return ""
		if (r.read) return r.read === r.of ? "read by all" : `read by ${r.read} of ${r.of}`
		return r.delivered === r.of ? "delivered" : r.delivered ? `delivered to ${r.delivered} of ${r.of}` : "sent"
	}

	// markSeen tells the node what was really shown.
	let marking = false
	async function markSeen() {
		const r = room()
		if (marking || !r?.unread || r.invited || document.hidden || !document.hasFocus() || !log.getClientRects().length || !said.length) return
		marking = true
		try {
			await client.roomRead(user, r.id)
			r.unread = 0
			soon()
		} catch (err) {
			tell($("room-error"), err)
		}
		marking = false
	}
	for (const kind of ["focus", "hashchange"]) addEventListener(kind, markSeen)
	document.addEventListener("visibilitychange", markSeen)

	function ask(what, why, label, action) {
		asking = what
		show($("room-ask"), true)
		say($("room-ask-why"), why)
		say($("room-ask-label"), label)
		say($("room-ask-do"), action)
		$("room-ask-text").value = ""
		$("room-ask-text").focus()
	}
	function closeAsk() {
		asking = ""
		show($("room-ask"), false)
		tell($("room-ask-error"), null)
	}
	$("new-room").addEventListener("click", () => ask("room", "A room of your own, in which you and whom you invite talk. Only those who are in it can read what is said.", "Name of the room", "Make it"))
	$("room-invite").addEventListener("click", () => ask("somebody", `Who joins #${room().name} reads what was said before, too.`, "Name", "Invite"))
	$("room-ask-cancel").addEventListener("click", closeAsk)
	fails($("room-ask-error"), $("room-ask"), "submit", async () => {
		const text = $("room-ask-text").value.trim()
		if (!text) return
		if (asking === "room") {
			const made = await client.addRoom(user, text)
			await enter(made.id)
			$("room-text").focus()
			return
		}
		await client.inviteToRoom(user, open, text)
		closeAsk()
		await load()
	})

	$("room-text").addEventListener("keydown", e => {
		if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
			e.preventDefault()
			$("room-compose").requestSubmit()
		}
	})
	fails($("room-error"), $("room-compose"), "submit", async () => {
		const text = $("room-text").value
		if (!text.trim()) return
		$("room-text").value = ""
		try {
			await client.sayInRoom(user, open, text)
		} catch (err) {
			if (!$("room-text").value) $("room-text").value = text
			throw err
		}
		await load()
		log.scrollTop = log.scrollHeight
	})
	fails($("room-error"), $("room-join"), "click", async () => {
		await client.joinRoom(user, open)
		await enter(open)
	})
	const away = async () => {
		await client.leaveRoom(user, open)
		await enter("")
	}
	fails($("room-error"), $("room-decline"), "click", away)
	fails($("room-error"), $("room-leave"), "click", away)
	$("room-back").addEventListener("click", () => enter(""))

	model.on("rooms", soon)
	model.on("users", soon)
}
