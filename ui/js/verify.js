// Comparing fingerprints: which key belongs to a name.

import { $, el, say } from "./dom.js"
import { groups } from "./client.js"
import { tell } from "./fails.js"

// openVerify shows the keys of a name and lets the user say which one is right.
// An error in asking for them is thrown.
export async function openVerify(model, name) {
	const keys = await model.keys(name)
	const changed = keys.found
	say($("verify-title"), changed ? `Which key is ${keys.name}'s?` : `Verify ${keys.name}`)
	say($("verify-how"), changed
		? `Ask ${keys.name} on another way, best face to face or by telephone, to read out his fingerprint: his own page shows it under My key. Choose the one that is the same, word for word. If it is neither, close this and send nothing.`
		: `Ask ${keys.name} on another way, best face to face or by telephone, to read out his fingerprint. If it is the same, word for word, nobody stands between you.`)
	tell($("verify-error"), null)
	const choose = async (key, button) => {
		button.disabled = true
		tell($("verify-error"), null)
		try {
			await model.verify(keys.name, key.hex)
			$("verify").close()
		} catch (err) {
			tell($("verify-error"), err)
		}
		button.disabled = false
	}
	$("verify-keys").replaceChildren(
		keyBox(changed ? "The key that you have trusted so far" : `The key of ${keys.name}`, keys.pinned, keys.verified && !changed ? "You have verified this key." : "", choose),
		changed ? keyBox("The key that the directory gives now", changed, "", choose) : "",
		keyBox("Your own, for the other side to compare", keys.mine, "", null))
	$("verify").showModal()
}

// showOwn shows a user's own fingerprint, for others to compare.
export function showOwn(user) {
	say($("verify-title"), `The key of ${user.name}`)
	say($("verify-how"), "Read these words to somebody who wants to be sure that he writes to you, face to face or by telephone. They are no secret.")
	tell($("verify-error"), null)
	$("verify-keys").replaceChildren(keyBox("Your fingerprint", user.key, "", null))
	$("verify").showModal()
}

function keyBox(title, key, note, choose) {
	const button = choose && !note ? el("button", { type: "button", onclick: () => choose(key, button) }, "I have compared: it is this one") : ""
	return el("section", { class: choose ? "key" : "key own", "data-key": key.hex },
		el("h3", {}, title), el("p", { class: "words" }, key.words), el("p", { class: "hex" }, groups(key.hex)),
		note ? el("p", { class: "good" }, note) : "", button)
}
