// Who may use a space, and who is let in or not any more.

import { $, el, say, show, sync } from "./dom.js"
import { copyLine } from "./clipboard.js"
import { fails, tell } from "./fails.js"
import { startFinding } from "./finding.js"

export function startSharing(model, shelf) {
	let leaving = "" // who may be sent away
	const finding = startFinding(model, $("sharing-name"), { pick: name => { $("sharing-name").value = name } })

	function draw() {
		const space = shelf.here()
		show($("sharing-open"), space && !space.trouble)
		if (!space || !$("sharing").open) return
		const mine = shelf.owns()
		say($("sharing-title"), `Who may use “${space.name}”`)
		say($("sharing-words"), mine
			? "People read and change the files of a space that you let them use, on their own nodes."
			: `The space is ${space.owner}'s, who decides who may use it.`)
		show($("sharing-let"), mine)
		sync($("sharing-list"), space.members ?? [], m => m.key, makeMember, drawMember)
	}

	function makeMember(m) {
		const button = el("button", { type: "button", class: "danger" }, "Withdraw…")
		button.addEventListener("click", () => askToLeave(m.name))
		return el("li", {}, el("span", { class: "what" }), button)
	}

	function drawMember(li, m) {
		const owner = m.name === shelf.here().owner
		say(li.firstChild, `${m.name}${m.name === shelf.user ? " (you)" : ""}: ${owner ? "owns it" : m.writes ? "reads and changes" : "reads"}`)
		li.lastChild.setAttribute("aria-label", `Withdraw from ${m.name}`)
		show(li.lastChild, shelf.owns() && !owner)
	}

	function askToLeave(name) {
		leaving = name
		say($("sharing-sure-words"), `May ${name} not use this space any more? What ${name} could read may have been kept, and what was stored before ${name} could still have deleted.`)
		show($("sharing-link"), false)
		show($("sharing-sure"), true)
		$("sharing-sure-no").focus()
	}

	$("sharing-open").addEventListener("click", () => {
		tell($("sharing-error"), null)
		for (const id of ["sharing-sure", "sharing-link"]) show($(id), false)
		finding.clear()
		$("sharing").showModal()
		draw()
	})
	$("sharing-close").addEventListener("click", () => $("sharing").close())
	fails($("sharing-error"), $("sharing-let"), "submit", async () => {
		const name = $("sharing-name").value.trim()
		const line = $("sharing-line")
		line.value = await shelf.grant(name, $("sharing-reads").checked)
		finding.clear()
		say($("sharing-for"), `Send this line to ${name}: it puts the space on ${name}'s list, and opens nothing to others.`)
		show($("sharing-sure"), false)
		show($("sharing-link"), true)
		line.focus()
		line.setSelectionRange(0, line.value.length, "backward")
	})
	copyLine($("sharing-copy"), $("sharing-line"))
	$("sharing-sure-no").addEventListener("click", () => {
		show($("sharing-sure"), false)
		$("sharing-name").focus()
	})
	fails($("sharing-error"), $("sharing-sure-yes"), "click", async () => {
		await shelf.revoke(leaving)
		show($("sharing-sure"), false)
		$("sharing-name").focus()
	})
	shelf.on(draw)
}
