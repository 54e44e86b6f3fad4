// Rooms: who talks with several people at once.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { count } from "./words.js"
import { fails, tell } from "./fails.js"
import { startFinding } from "./finding.js"
import { startLog } from "./roomlog.js"
import { startRoomPeople } from "./roompeople.js"

export function startRooms(model) {
	let rooms = []
	let open = "" // the id of the room that is shown
	let said = []
	let user = ""
	let asking = "" // what the form asks for: a "room" to make, "somebody" to invite, a new "name"

	const room = () => rooms.find(r => r.id === open) ?? null
	const here = () => Boolean(room()?.joined && !room().invited)
	const desk = { id: () => open, user: () => user, room, here, said: () => said, load, soon, enter }
	const log = startLog(desk)
	const people = startRoomPeople(model, desk)

	// Of what comes late, from another user's rooms or an older question, nothing is drawn.
	let turn = 0
	async function load() {
		const now = ++turn, whose = model.user
		if (whose !== user) {
			user = whose
			open = ""
			said = []
			closeAsk()
			closeFind()
		}
		const list = whose ? (await client.rooms(whose)) ?? [] : []
		const words = open && list.some(r => r.id === open && !r.invited) ? (await client.roomHistory(whose, open)) ?? [] : []
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
		show($("rooms-nobody"), model.known && !user)
		show($("rooms-acts"), user)
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
		say(last, r.invited ? `${r.invited} invites you` : !r.joined ? "you are not in it any more" : r.waiting ? "waiting for a member's computer" : count(r.members?.length ?? 0, "member") + (r.public ? ", public" : ""))
	}

	async function enter(id) {
		open = id
		said = []
		tell($("room-error"), null)
		closeAsk()
		closeFind()
		log.begin()
		people.begin()
		draw()
		await load()
		log.end()
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
		say($("room-members"), r.invited ? "" : (r.public ? "public: " : "") + names.join(", "))
		const trouble = r.waiting ? "You have joined. Who is in it and what was said has not come yet: it comes by itself when a member's computer is there." : r.trouble
		show($("room-trouble"), trouble)
		say($("room-trouble"), trouble ?? "")
		show($("room-invited"), r.invited)
		say($("room-invited-words"), r.invited ? `${r.invited} has made you a member of #${r.name}. You read what was said, also before, when you have joined.` : "")
		show($("room-compose"), here() && !r.waiting)
		show($("room-invite"), here() && (r.role === "owner" || r.role === "admin"))
		log.draw()
		people.draw()
	}

	const inviting = startFinding(model, $("room-ask-text"), { when: () => asking === "somebody", pick: name => { $("room-ask-text").value = name } })
	const looking = startFinding(model, $("room-find-name"), { pick: name => { $("room-find-name").value = name } })

	function ask(what, why, label, action, text = "") {
		asking = what
		closeFind()
		inviting.clear()
		show($("room-ask"), true)
		for (const part of ["public", "stored"]) {
			show($(`room-ask-${part}-part`), what === "room")
			$(`room-ask-${part}`).checked = false
		}
		say($("room-ask-why"), why)
		say($("room-ask-label"), label)
		say($("room-ask-do"), action)
		tell($("room-ask-error"), null)
		$("room-ask-text").value = text
		$("room-ask-text").focus()
	}
	function closeAsk() {
		asking = ""
		inviting.clear()
		show($("room-ask"), false)
		tell($("room-ask-error"), null)
	}
	$("new-room").addEventListener("click", () => ask("room", "A room of your own, in which you and whom you invite talk.", "Name of the room", "Make it"))
	$("room-invite").addEventListener("click", () => ask("somebody", `Who joins #${room().name} reads what was said before, too.`, "Name", "Invite"))
	$("room-rename").addEventListener("click", () => ask("name", "The room is called so by all who are in it.", "New name", "Rename", room().name))
	$("room-ask-cancel").addEventListener("click", closeAsk)
	fails($("room-ask-error"), $("room-ask"), "submit", async () => {
		const text = $("room-ask-text").value.trim()
		if (!text) return
		if (asking === "room") {
			const made = await client.addRoom(user, text, { open: $("room-ask-public").checked, stored: $("room-ask-stored").checked })
			await enter(made.id)
			$("room-text").focus()
			return
		}
		await (asking === "name" ? client.renameRoom(user, open, text) : client.inviteToRoom(user, open, text))
		closeAsk()
		await load()
	})

	// Public rooms are found by the name of somebody who is in them.
	function closeFind() {
		looking.clear()
		show($("room-find"), false)
		tell($("room-find-error"), null)
	}
	function drawFound(who, found) {
		sync($("room-found"), found, r => `${who} ${r.id}`, r => el("li", {}, el("span", { class: "name" }), el("span", { class: "quiet" }), el("button", { type: "button" })), (li, r) => {
			const [name, members, button] = li.children
			say(name, `#${r.name}`)
			say(members, count(r.members, "member"))
			say(button, r.joined ? "Open" : "Join")
			button.onclick = () => join(who, r)
		})
	}
	async function join(who, r) {
		tell($("room-find-error"), null)
		try {
			await enter(r.joined ? r.id : (await client.joinRoom(user, `${who}/${r.name}`)).id)
		} catch (err) {
			tell($("room-find-error"), err)
		}
	}
	$("find-room").addEventListener("click", () => {
		closeAsk()
		drawFound("", [])
		say($("room-found-words"), "")
		show($("room-find"), true)
		$("room-find-name").focus()
	})
	$("room-find-cancel").addEventListener("click", () => {
		closeFind()
		$("find-room").focus()
	})
	fails($("room-find-error"), $("room-find"), "submit", async () => {
		const [who, ...called] = $("room-find-name").value.trim().split("/")
		if (!who) return
		drawFound(who, [])
		say($("room-found-words"), "")
		if (called.length) {
			await enter((await client.joinRoom(user, `${who}/${called.join("/")}`)).id)
			return
		}
		const found = (await client.findRooms(user, who)) ?? []
		drawFound(who, found)
		say($("room-found-words"), found.length ? "" : `${who} is in no public room.`)
	})

	fails($("room-error"), $("room-join"), "click", async () => {
		await client.joinRoom(user, open)
		await enter(open)
	})
	fails($("room-error"), $("room-decline"), "click", async () => {
		await client.leaveRoom(user, open)
		await enter("")
	})
	$("room-back").addEventListener("click", async () => {
		const was = room()?.name ?? ""
		await enter("")
		document.querySelector(`.person[data-room="${CSS.escape(was)}"]`)?.focus()
	})

	model.on("rooms", soon)
	model.on("users", soon)
}
