// A line that is there to be copied.

import { say } from "./dom.js"

// copyLine makes a button copy what an input has.
export function copyLine(button, line) {
	button.addEventListener("click", async () => {
		line.select()
		let copied = false
		try {
			await navigator.clipboard.writeText(line.value)
			copied = true
		} catch {
			copied = document.execCommand("copy") // where the page may not use the clipboard
		}
		say(button, copied ? "Copied" : "Press Ctrl+C")
		setTimeout(() => say(button, "Copy"), 2000)
	})
}
