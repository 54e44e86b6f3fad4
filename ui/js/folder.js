// What is done with a folder: it is made, gets another name, and is removed with all that is in it.

import { $, say, show } from "./dom.js"
import { ask, cleanName } from "./asking.js"
import { fails, tell } from "./fails.js"
import { count } from "./words.js"

export function startFolder(shelf) {
	let doomed = null // {space, folder}: what may be removed
	const last = () => $("crumbs").lastElementChild?.firstChild
	const title = () => shelf.folder.split("/").at(-2)

	$("new-folder").addEventListener("click", () => ask({
		from: $("new-folder"), why: shelf.folder ? `A new folder in “${title()}”.` : "A new folder in this space.", label: "Name", verb: "Make it",
		act: typed => shelf.addFolder(`${shelf.folder}${cleanName(typed, "folder")}/`),
	}))
	$("folder-move").addEventListener("click", () => {
		const { folder } = shelf
		ask({
			from: $("folder-move"), why: `Another name for “${title()}”, with the folders in which it is to be. All that is in it goes along.`,
			label: "Name", verb: "Move it", text: folder.slice(0, -1), act: typed => shelf.moveFolder(folder, `${cleanName(typed, "folder")}/`),
		})
	})
	fails($("files-error"), $("folder-remove"), "click", async () => {
		const { space, folder } = shelf
		const n = await shelf.countBelow(folder)
		if (space !== shelf.space || folder !== shelf.folder) return
		doomed = { space, folder }
		const what = n.files === 0 ? "Nothing is in it." : `${n.more ? "More than " : ""}${count(n.files, "file")} in it and below ${n.files === 1 && !n.more ? "goes" : "go"} with it, with all versions: they cannot be brought back, and links to them end.`
		say($("folder-sure-words"), `Remove the folder “${title()}” for good? ${what}`)
		tell($("folder-sure-error"), null)
		show($("folder-sure"), true)
		$("folder-sure-no").focus()
	})
	$("folder-sure-no").addEventListener("click", () => {
		show($("folder-sure"), false)
		$("folder-remove").focus()
	})
	fails($("folder-sure-error"), $("folder-sure-yes"), "click", async () => {
		await shelf.removeFolder(doomed.folder)
		show($("folder-sure"), false)
		last()?.focus()
	})
	shelf.on(() => {
		show($("folder-acts"), shelf.folder && shelf.writes())
		if (doomed && (doomed.space !== shelf.space || doomed.folder !== shelf.folder)) {
			doomed = null
			show($("folder-sure"), false)
		}
	})
}
