// The users of this node, and the people whom the chosen one knows.

import { $, el, say, set, show, sync } from "./dom.js"
import { groups, isPrint } from "./client.js"
import { ago, count, when } from "./words.js"
import { fails } from "./fails.js"
import { startFinding } from "./finding.js"
import { showOwn } from "./verify.js"

export function startPeople(model) {
	let claiming = false

	function drawUsers() {
		const { users, user } = model
		show($("as"), users.length)
		show($("talk"), users.length)
		show($("claim"), !users.length || claiming)
		show($("claim-cancel"), users.length)
		say($("claim-why"), users.length
			? "Another person may live on this node, with keys of his own. Choose the name by which others will find him."
			: "Nobody lives on this node yet. Choose the name by which others will find you: whoever claims a name first has it.")
		sync($("user"), users, u => u.name, () => el("option"), (option, u) => {
			const unread = model.unread.get(u.name)
			set(option, "value", u.name)
			say(option, u.name + (unread ? ` (${unread} new)` : ""))
		})
		$("user").value = user
		const trouble = users.find(u => u.name === user)?.trouble
		show($("user-trouble"), trouble)
		say($("user-trouble"), trouble || "")
	}

	function drawPeople() {
		const all = model.people()
		const asking = all.filter(p => p.contact?.request)
		const others = all.filter(p => !p.contact?.request)
		show($("requests-part"), asking.length)
		sync($("requests"), asking, p => p.who, makePerson, drawPerson)
		sync($("contacts"), others, p => p.who, makePerson, drawPerson)
		show($("contacts-empty"), !all.length)
		say($("contacts-empty"), `You know nobody yet. Find somebody above, or tell others that you are ${model.user}.`)
		const unread = all.reduce((sum, p) => sum + p.unread, 0) + [...model.unread.values()].reduce((a, b) => a + b, 0)
		show($("tab-unread"), unread)
		say($("tab-unread").firstChild, String(unread))
		document.title = unread ? `(${unread}) phyllo` : "phyllo"
	}

	function makePerson(p) {
		const button = el("button", { type: "button", class: "person", onclick: () => model.talk(p.who) },
			el("span", { class: "presence", "aria-hidden": "true" }),
			el("span", { class: "name" }), el("span", { class: "badge" }), el("span", { class: "time" }),
			el("span", { class: "last" }))
		return el("li", {}, button)
	}

	function drawPerson(li, p) {
		const button = li.firstChild
		const [dot, name, badge, time, last] = button.children
		const c = p.contact
		set(button, "data-who", p.who)
		set(button, "aria-current", p.who === model.open ? "true" : false)
		set(dot, "class", `presence ${c?.online ? "on" : "off"}`)
		set(button, "title", presence(c))
		say(name, called(p))
		name.classList.toggle("print", isPrint(p.who) && !c?.claimed)
		show(badge, badgeOf(p))
		say(badge, badgeOf(p))
		set(badge, "class", c?.changed ? "badge alarm" : "badge")
		say(time, p.last ? when(p.last.received_at ?? p.last.sent_at) : "")
		say(last, lastWords(p))
	}

	$("user").addEventListener("change", () => model.choose($("user").value))
	$("my-key").addEventListener("click", () => showOwn(model.users.find(u => u.name === model.user)))
	$("new-name").addEventListener("click", () => {
		claiming = true
		drawUsers()
		$("claim-name").focus()
	})
	$("claim-cancel").addEventListener("click", () => {
		claiming = false
		drawUsers()
		$("new-name").focus()
	})
	fails($("claim-error"), $("claim"), "submit", async () => {
		await model.addUser($("claim-name").value.trim())
		claiming = false
		$("claim").reset()
		drawUsers()
		$("find-name").focus()
	})
	async function talkTo(name) {
		await model.talk(name)
		$("text").focus()
	}
	const finding = startFinding(model, $("find-name"), { pick: talkTo })
	$("find-all").addEventListener("click", finding.everybody)
	fails($("people-error"), $("find"), "submit", async () => {
		const name = $("find-name").value.trim()
		if (!name) return
		finding.clear()
		await talkTo(name)
	})

	model.on("users", drawUsers)
	model.on("users", drawPeople)
	model.on("people", drawPeople)
}

// called is what stands for a person: the proven name, or else what he claims, said
// to be no more than that, or else the fingerprint.
export function called(p) {
	const c = p.contact
	if (!c) return isPrint(p.who) ? groups(p.who) : p.who
	if (c.name) return c.name
	return c.claimed ? `not proven: “${c.claimed}”` : groups(c.key)
}

// presence says in words whether a contact is there.
export function presence(c) {
	if (!c || c.request || c.blocked) return ""
	if (c.online) return "online"
	return c.last_seen ? `last seen ${ago(c.last_seen)}` : c.added ? "not seen yet" : ""
}

function badgeOf(p) {
	const c = p.contact
	if (c?.changed) return "key changed"
	if (c?.blocked) return "blocked"
	if (c?.request) return c.waiting > 1 ? `${c.waiting} new` : "new"
	return p.unread ? `${p.unread} new` : ""
}

function lastWords(p) {
	if (!p.last) return p.contact?.request ? `asks to be accepted, ${count(p.contact.waiting, "message")}` : presence(p.contact)
	const text = p.last.text.replace(/\s+/g, " ").slice(0, 80)
	return p.last.mine ? `you: ${text}` : text
}
