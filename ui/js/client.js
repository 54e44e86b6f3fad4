// The control API, and the only file that knows its addresses and the names of its
// fields. Everything else deals with what these functions return.

// ApiError is an error that the node gave, or that kept us from asking it.
export class ApiError extends Error {
	constructor(kind, text) {
		super(text)
		this.kind = kind
	}
}

const gone = "The node does not answer. If it was stopped, start it again: phyllo up"

async function ask(operation, request = {}) {
	let response
	try {
		response = await fetch(`v1/${operation}`, {
			method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request), credentials: "same-origin",
		})
	} catch {
		throw new ApiError("gone", gone)
	}
	return understand(response.status, await response.text())
}

// understand returns what an answer says, or throws the error that it is.
function understand(status, text) {
	let answer = null
	try {
		answer = text ? JSON.parse(text) : null
	} catch {
		throw new ApiError("failed", `The node gave an answer that this page does not understand (${status}). Load the page again.`)
	}
	if (status !== 200) throw new ApiError(answer?.error?.kind ?? "failed", answer?.error?.text ?? `The node refused (${status}).`)
	return answer
}

const inAddress = (operation, request) => `v1/${operation}?q=${encodeURIComponent(JSON.stringify(request))}`

// fileAddress is from where the browser saves the file that a link leads to.
export const fileAddress = link => inAddress("file/get", { name: link })

// upload stores a File of the browser's and returns what the node says of it. onSent(bytes) is
// told how much has gone; signal (an AbortSignal) ends it. A stream that is sent with fetch would
// not tell how far it is.
function upload(where, file, onSent, signal) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest()
		request.open("POST", inAddress("file/put", where))
		request.setRequestHeader("Content-Type", "application/octet-stream")
		request.upload.onprogress = e => onSent(e.loaded)
		request.onload = () => {
			try {
				resolve(understand(request.status, request.responseText))
			} catch (err) {
				reject(err)
			}
		}
		request.onerror = () => reject(new ApiError("gone", `${gone}. If it runs, the file may have changed or gone on this computer: try again.`))
		request.onabort = () => reject(new ApiError("stopped", "It was stopped, and nothing of it is stored."))
		signal.addEventListener("abort", () => request.abort())
		request.send(file)
	})
}

// download returns an address from which the browser saves a file, once it is known that the
// file can be read.
async function download(which) {
	const address = inAddress("file/get", which)
	let response
	try {
		response = await fetch(address, { credentials: "same-origin" })
	} catch {
		throw new ApiError("gone", gone)
	}
	if (!response.ok) return understand(response.status, await response.text())
	await response.body.cancel()
	return address
}

// publish publishes a text, and returns when it is safe.
async function publish(topic, user, text) {
	let response
	try {
		response = await fetch(inAddress("topic/pub", { topic, user }), { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: text, credentials: "same-origin" })
	} catch {
		throw new ApiError("gone", gone)
	}
	return understand(response.status, await response.text())
}

// readTopic calls onEvent with what happens in a topic, until the node ends it or signal (an
// AbortSignal) does. It is no EventSource, which would not tell why a reader is refused.
async function readTopic(request, onEvent, signal) {
	let response
	try {
		response = await fetch(inAddress("topic/sub", request), { credentials: "same-origin", signal })
	} catch {
		throw new ApiError("gone", gone)
	}
	if (!response.ok) return understand(response.status, await response.text())
	return lines(response.body, onEvent)
}

// findPeople calls onPeople with people of the ring whose names fit, a few at a time, as nodes
// answer, and returns how many have. signal (an AbortSignal) ends it.
async function findPeople(query, onPeople, signal) {
	let response
	try {
		response = await fetch("v1/user/search", {
			method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(query), credentials: "same-origin", signal,
		})
	} catch {
		throw new ApiError("gone", gone)
	}
	if (!response.ok) return understand(response.status, await response.text())
	let reached = null
	await lines(response.body, l => {
		if (l.users) onPeople(l.users)
		reached = l.reached ?? reached
	})
	if (!reached) throw new ApiError("gone", gone)
	return reached
}

// offerWork offers an item, and calls onEvent with what becomes of it until it has an outcome. An
// item that is queued stays so when the page is closed.
async function offerWork(request, item, onEvent) {
	let response
	try {
		response = await fetch(inAddress("work/offer", request), { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: item, credentials: "same-origin" })
	} catch {
		throw new ApiError("gone", gone)
	}
	if (!response.ok) return understand(response.status, await response.text())
	return lines(response.body, onEvent)
}

// lines calls onEvent with each line of a stream until it ends.
async function lines(body, onEvent) {
	const stream = body.pipeThrough(new TextDecoderStream()).getReader()
	for (let rest = "";;) {
		let part
		try {
			part = await stream.read()
		} catch {
			throw new ApiError("gone", gone)
		}
		if (part.done) return
		const lines = (rest + part.value).split("\n")
		rest = lines.pop()
		for (const line of lines) {
			if (!line) continue // a beat
			const e = JSON.parse(line)
			if (e.error) throw new ApiError(e.error.kind, e.error.text)
			onEvent(e)
		}
	}
}

export const client = {
	status: () => ask("status"),
	doctor: () => ask("doctor"),
	users: () => ask("user/list"),
	findPeople,
	addUser: name => ask("user/add", { name }),
	contacts: user => ask("contact/list", { user }),
	conversations: user => ask("conversations", { user }),
	conversation: (user, who) => ask("conversation", { user, with: who, limit: 500 }),
	send: (user, to, text) => ask("send", { from: user, to, text }),
	markRead: (user, ids) => ask("mark-read", { user, ids }),
	add: (user, name) => ask("contact/add", { user, name }),
	accept: (user, name) => ask("contact/accept", { user, name }),
	remove: (user, name) => ask("contact/rm", { user, name }),
	block: (user, name) => ask("contact/block", { user, name }),
	keys: (user, name) => ask("user/keys", { user, name }),
	verify: (user, name, fingerprint) => ask("user/verify", { user, name, fingerprint }),
	rooms: user => ask("room/list", { user }),
	addRoom: (user, name, { open, stored }) => ask("room/create", { user, name, public: open, stored }),
	findRooms: (user, name) => ask("room/find", { user, name }),
	inviteToRoom: (user, room, name) => ask("room/invite", { user, room, name }),
	joinRoom: (user, room) => ask("room/join", { user, room }),
	leaveRoom: (user, room) => ask("room/leave", { user, room }),
	renameRoom: (user, room, name) => ask("room/rename", { user, room, name }),
	setRole: (user, room, name, role) => ask("room/role", { user, room, name, role }),
	setRoom: (user, room, what) => ask("room/set", { user, room, ...what }),
	sayInRoom: (user, room, { text, reply, edits }) => ask("room/say", { user, room, text, reply, edits }),
	roomHistory: (user, room) => ask("room/history", { user, room, limit: 500, receipts: true }),
	roomRead: (user, room) => ask("room/read", { user, room }),
	topics: () => ask("topic/list"),
	setTopic: rules => ask("topic/set", rules),
	topicTree: target => ask("topic/tree", { target }),
	publish,
	readTopic,
	workItems: () => ask("work/list"),
	workSurvey: (topic, user) => ask("work/survey", { topic, user }),
	withdrawWork: (topic, items) => ask("work/withdraw", { topic, items }),
	offerWork,
	members: () => ask("member/list"),
	invite: () => ask("invite"),
	admit: code => ask("member/admit", { code }),
	spaces: user => ask("space/list", { user }),
	addSpace: (user, name) => ask("space/create", { user, name }),
	joinSpace: (user, link) => ask("space/add", { user, link }),
	grant: (user, space, name, readOnly) => ask("space/grant", { user, space, name, read_only: readOnly }),
	revoke: (user, space, name) => ask("space/revoke", { user, space, name }),
	files: (user, space, prefix, after) => ask("file/list", { user, space, prefix, after, fold: true }),
	allFiles: (user, space, prefix) => ask("file/list", { user, space, prefix }),
	countCopies: which => ask("file/stat", which),
	history: which => ask("file/history", which),
	removeFile: which => ask("file/rm", which),
	move: ({ user, space, name }, to) => ask("file/mv", { user, space, name, to }),
	addFolder: ({ user, space, name }) => ask("folder/add", { user, space, name }),
	share: which => ask("file/share", which),
	upload,
	download,
	trace: target => ask("trace", { target }),
	kill: id => ask("demo/kill", { id }),
	addNode: () => ask("demo/add"),
	picture: async () => toRing(await ask("picture")),
	follow,
}

// toRing turns a picture of the API into nodes and links for the drawing.
export function toRing(picture) {
	const self = picture.self
	const nodes = picture.nodes.map(n => {
		const roles = n.roles ?? []
		return {
			id: n.id,
			state: n.dead ? "dead" : n.suspect ? "suspect" : n.joining ? "joining" : "alive",
			self: n.id === self,
			leaf: roles.includes("leaf"),
			row: roles.includes("table") ? sharedDigits(self, n.id) : undefined,
			near: roles.includes("neighbour"),
			people: n.users ?? [],
			addr: n.addr,
			rtt: n.rtt_us || 0,
		}
	})
	const links = nodes.filter(n => n.id !== self && n.state !== "dead" && (n.leaf || n.row !== undefined))
		.map(n => ({ from: self, to: n.id, kind: n.leaf ? "leaf" : "table" }))
	return { self, nodes, links, size: picture.size }
}

// sharedDigits is the row of the routing table in which one node keeps another.
function sharedDigits(a, b) {
	let i = 0
	while (i < a.length && a[i] === b[i]) i++
	return i
}

// follow calls onEvent for every event from now on, and onOpen each time that the
// stream stands again: what happened in between has to be asked for.
function follow(onEvent, onOpen, onBroken) {
	let stream, wait = 500, timer
	const open = () => {
		stream = new EventSource("v1/events")
		stream.onopen = () => {
			wait = 500
			onOpen()
		}
		stream.onmessage = e => onEvent(JSON.parse(e.data))
		stream.onerror = () => {
			// We try again ourselves: some browsers give up for good.
			stream.close()
			onBroken()
			timer = setTimeout(open, wait)
			wait = Math.min(wait * 2, 10_000)
		}
	}
	open()
	return () => {
		clearTimeout(timer)
		stream.close()
	}
}

// whoOf is how a person is meant in a request.
export function whoOf(contact) {
	return contact.name || contact.key
}

// groups writes a fingerprint as people compare it.
export function groups(hex) {
	return (hex.match(/.{1,4}/g) ?? []).join(" ")
}

// isPrint says whether somebody is meant by a fingerprint, for want of a name.
export function isPrint(who) {
	return /^[0-9a-f]{24}$/.test(who)
}
