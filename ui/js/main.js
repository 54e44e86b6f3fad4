// The page, put together.

import { set } from "./dom.js"
import { Model } from "./model.js"
import { startMap } from "./map.js"
import { startPeople } from "./people.js"
import { startChat } from "./chat.js"
import { startRooms } from "./rooms.js"
import { startTopics } from "./topics.js"
import { Shelf } from "./shelf.js"
import { startFiles } from "./files.js"
import { startUploads } from "./uploads.js"
import { startNode } from "./node.js"
import { startMembers } from "./members.js"

const model = new Model()
startNode(model)
startMap(model)
startPeople(model)
startChat(model)
startRooms(model)
startTopics(model)
startMembers(model)
const shelf = new Shelf()
startFiles(model, shelf)
startUploads(shelf)

// On a phone one part is shown at a time; the address says which, so that the way
// back works.
const views = ["ring", "people", "rooms", "topics", "files", "node"]
function view() {
	const asked = location.hash.slice(1)
	const now = views.includes(asked) ? asked : "ring"
	set(document.body, "data-view", now)
	for (const a of document.querySelectorAll(".tabs a")) set(a, "aria-current", a.hash === `#${now}` ? "page" : false)
}
addEventListener("hashchange", view)
view()

model.start()
