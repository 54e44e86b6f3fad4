// Who is in the room that is open, what they may, and what the user has set in it.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { when } from "./words.js"
import { fails, tell } from "./fails.js"

// startRoomPeople shows the people of the room of desk (see rooms.js).
export function startRoomPeople(model, desk) {
	let sure = null // what is done when the user is sure: { act, from }

	const name = m => m.name || m.key
	const self = m => m.key === model.users.find(u => u.name === desk.user())?.key?.hex || m.name === desk.user()
	// there says whether somebody is there now: true, false, or undefined of whom this is not known.
	const there = m => self(m) ? true : model.contacts.find(c => c.key === m.key && c.name)?.online

	// read says how far somebody is, as far as it has become known here.
	function read(m) {
		const said = desk.said().filter(x => x.from !== name(m) && x.receipts?.of)
		if (self(m) || !said.length) return ""
		const last = said.at(-1)
		if (last.receipts.read_by?.includes(name(m))) return "has read all"
		const seen = said.findLast(x => x.receipts.read_by?.includes(name(m)))
		if (seen) return `has read until ${when(seen.sent_at)}`
		return last.receipts.delivered_to?.includes(name(m)) ? "has not read it yet" : ""
	}

	// may lists what the user can make of somebody.
	function may(m) {
		const mine = desk.room().role
		if (self(m) || m.role === "owner") return []
		if (mine === "owner") return ["member", "admin", "owner", "out"]
		return mine === "admin" && m.role === "member" ? ["member", "out"] : []
	}

	function draw() {
		const r = desk.room()
		const members = r.members ?? []
		show($("room-about"), !r.invited)
		sync($("room-people"), members, m => m.key, makeMember, drawMember)
		$("room-receipts").checked = !r.silent
		const here = desk.here()
		show($("room-set"), here)
		const admin = here && (r.role === "owner" || r.role === "admin")
		show($("room-rename"), admin)
		show($("room-stored-part"), admin)
		$("room-stored").checked = Boolean(r.stored)
		say($("room-stored-words"), !r.stored ? "" : r.looking ? "What was said is in the ring's storage, too; how far is being compared." : r.unstored ? `Of ${r.entries} entries ${r.entries - r.unstored} are in the ring's storage so far.` : "What was said is in the ring's storage, too.")
		say($("room-stored-trouble"), r.storage_trouble ? `The ring's storage could not be asked, or did not take all that belongs there: ${r.storage_trouble}` : "")
		show($("room-stored-trouble"), r.storage_trouble)
		show($("room-stored-words"), r.stored)
		show($("room-leave"), here && r.role !== "owner")
		show($("room-owned"), here && r.role === "owner" && members.length > 1)
	}

	function makeMember(m) {
		return el("li", { class: "member" }, el("span", { class: "presence", "aria-hidden": "true" }), el("span", { class: "name" }), el("span", { class: "role" }),
			el("select", { onchange: e => change(m.key, e.target) }), el("span", { class: "quiet" }))
	}

	function drawMember(li, m) {
		const [dot, called, role, choice, note] = li.children
		const is = there(m)
		set(dot, "class", `presence ${is ? "on" : is === false ? "off" : "unknown"}`)
		say(called, self(m) ? `${name(m)} (you)` : name(m))
		const could = may(m)
		show(role, !could.length && m.role !== "member")
		say(role, m.role)
		show(choice, could.length)
		set(choice, "aria-label", `What ${name(m)} is`)
		sync(choice, could, w => w, w => el("option", { value: w }, words[w]), () => {})
		choice.value = m.role
		say(note, [self(m) ? "" : is ? "online" : is === false ? "not there now" : "", read(m)].filter(Boolean).join(", "))
		show(note, note.textContent)
	}

	function ask(question, action, act, from) {
		sure = { act, from }
		say($("room-sure-words"), question)
		say($("room-sure-yes"), action)
		show($("room-sure"), true)
		$("room-sure-no").focus()
	}
	function closeSure() {
		const from = sure?.from
		sure = null
		show($("room-sure"), false)
		if (from?.isConnected && from.getClientRects().length) from.focus()
	}
	$("room-sure-no").addEventListener("click", closeSure)
	fails($("room-about-error"), $("room-sure-yes"), "click", async () => {
		await sure.act()
		closeSure()
	})

	async function setRole(m, role) {
		await client.setRole(desk.user(), desk.id(), m.key, role)
		await desk.load()
	}
	async function change(key, choice) {
		const r = desk.room()
		const m = r?.members?.find(x => x.key === key)
		const role = choice.value
		if (!m || role === m.role) return
		tell($("room-about-error"), null)
		if (role === "out" || role === "owner") {
			choice.value = m.role
			ask(role === "out" ? `Put ${name(m)} out of #${r.name}? He cannot read what is said from then on.` : `Hand #${r.name} over to ${name(m)}? Then he alone says who its admins are, and can put you out.`,
				role === "out" ? "Put out" : "Hand over", () => setRole(m, role), choice)
			return
		}
		try {
			await setRole(m, role)
		} catch (err) {
			choice.value = m.role
			tell($("room-about-error"), err)
		}
	}

	function sets(id, what) {
		fails($("room-about-error"), $(id), "change", async () => {
			try {
				await client.setRoom(desk.user(), desk.id(), { [what]: $(id).checked })
			} finally {
				await desk.load()
			}
		})
	}
	sets("room-receipts", "receipts")
	sets("room-stored", "stored")
	$("room-leave").addEventListener("click", () => {
		const r = desk.room()
		ask(`Leave #${r.name}? ${r.public ? "You can join again as long as somebody is in it." : "You come back only if somebody invites you."}`, "Leave", async () => {
			await client.leaveRoom(desk.user(), r.id)
			await desk.enter("")
		}, $("room-leave"))
	})
	model.on("people", () => desk.room() && draw())
	const beside = matchMedia("(min-width: 900px)") // else it has the window for itself
	if (beside.matches) $("room-about").open = true

	return {
		draw,
		begin() {
			closeSure()
			tell($("room-about-error"), null)
			if (!beside.matches) $("room-about").open = false
		},
	}
}

const words = { member: "member", admin: "admin", owner: "owner …", out: "put out …" }
