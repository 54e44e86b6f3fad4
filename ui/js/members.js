// Who belongs to the ring, and letting others in.

import { $, el, say, set, show, svg, sync } from "./dom.js"
import { copyLine } from "./clipboard.js"
import { short } from "./ringmath.js"
import { count, date } from "./words.js"
import { fails } from "./fails.js"

export function startMembers(model) {
	function draw() {
		const members = model.members ?? []
		const alone = members.length <= 1
		show($("members-table"), members.length)
		show($("members-empty"), alone)
		say($("members-empty"), "Nobody else belongs to this ring yet. Invite somebody: an invitation is one line to send.")
		sync($("members-rows"), members, m => m.id, () => el("tr", {}, el("td", { class: "id" }), el("td"), el("td"), el("td")), (tr, m) => {
			const [node, role, by, until] = tr.children
			say(node, short(m.id))
			set(node, "title", m.addr ? `${m.id} at ${m.addr}` : m.id)
			say(role, roleOf(m))
			say(by, m.admitted_by === "authority" ? "the ring's key" : short(m.admitted_by ?? ""))
			say(until, m.expelled ? `expelled ${date(m.expelled)}` : m.until ? `until ${date(m.until)}` : "")
			tr.classList.toggle("expelled", Boolean(m.expelled))
		})
	}

	function drawMay() {
		const s = model.status
		if (!s) return
		set($("invite"), "disabled", !s.admitter)
		set($("invite"), "title", s.admitter ? false : "This node is no admitter. Ask one that is, or to be promoted: phyllo member promote")
	}

	fails($("invite-error"), $("invite"), "click", async () => {
		const got = await model.invite()
		show($("invitation"), true)
		$("invitation-line").value = got.invite
		say($("invitation-for"), `It works ${got.uses > 1 ? count(got.uses, "time") : "once"}, until ${date(got.expires)}.`)
		drawCode($("invitation-qr"), got.qr)
		$("invitation-line").focus()
		$("invitation-line").setSelectionRange(0, got.invite.length, "backward") // its beginning is seen
	})
	copyLine($("invitation-copy"), $("invitation-line"))

	model.on("join-request", name => {
		show($("asking"), true)
		say($("asking-words"), `${name || "A machine"} on the local network asks to be let in. Type the six digits that it shows, if you know whose it is.`)
	})
	fails($("asking-error"), $("asking"), "submit", async () => {
		const member = await model.admit($("asking-code").value.replace(/\D/g, ""))
		$("asking").reset()
		show($("asking"), false)
		say($("members-said"), `${short(member.id)} has been let in.`)
	})

	model.on("members", draw)
	model.on("status", drawMay)
}

function roleOf(m) {
	const roles = []
	if (m.self) roles.push("this node")
	if (m.authority) roles.push("holds the ring's key")
	if (m.admitter) roles.push("admits others")
	if (m.waiting) roles.push("expulsion waits for a second admitter")
	if (m.connected && !m.self) roles.push("connected")
	return roles.join(", ") || "member"
}

// drawCode draws a QR code from its rows, each a text of 0 and 1. Without rows there
// is none.
function drawCode(place, rows) {
	show(place, rows?.length)
	if (!rows?.length) return
	const n = rows.length, quiet = 4
	let path = ""
	rows.forEach((row, y) => [...row].forEach((bit, x) => { if (bit === "1") path += `M${x + quiet} ${y + quiet}h1v1h-1z` }))
	set(place, "viewBox", `0 0 ${n + 2 * quiet} ${n + 2 * quiet}`)
	place.replaceChildren(svg("rect", { width: "100%", height: "100%", fill: "#fff" }), svg("path", { d: path, fill: "#000" }))
}
