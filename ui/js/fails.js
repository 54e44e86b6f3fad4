// What a person does may fail; then the page says what happened and what helps, and
// where it was done.

import { say, show } from "./dom.js"

// fails runs f(event) for each event of a kind, one run at a time, with the control
// disabled meanwhile, and writes its error into the element place, which is emptied
// first. It returns nothing.
export function fails(place, control, kind, f) {
	let running = false
	control.addEventListener(kind, async event => {
		event.preventDefault()
		if (running) return
		running = true
		const buttons = control.matches("form") ? [...control.querySelectorAll("button:not([type=button])")] : [control]
		const focused = document.activeElement
		tell(place, null)
		control.setAttribute("aria-busy", "true")
		for (const b of buttons) b.disabled = true
		try {
			await f(event)
		} catch (err) {
			tell(place, err)
		} finally {
			running = false
			control.removeAttribute("aria-busy")
			for (const b of buttons) b.disabled = false
			// A disabled button loses the focus, and with it the keyboard's place.
			if (buttons.includes(focused) && document.activeElement === document.body && focused.isConnected) focused.focus()
		}
	})
}

// tell writes an error into an element, or hides that (null).
export function tell(place, err) {
	show(place, err)
	say(place, err ? sentence(err.message) : "")
}

function sentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1)
}
