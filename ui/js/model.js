// What the page knows, and what a person can do with it. Parts of the page listen
// for what they show:
//
//	model.on("people", () => draw())
//
// Topics: "link" (does the node answer), "status", "traffic", "ring", "users",
// "people", "thread", "rooms", "members"; and, with what happened: "move", "trace".

import { client as control, whoOf } from "./client.js"

// How often the state of the node is asked for besides what the stream tells.
const statusEvery = 10_000

export class Model {
	link = null // null: not tried yet; true; or the error
	status = null
	traffic = []
	ring = null
	users = []
	known = false // who lives here is known
	user = ""
	contacts = []
	conversations = []
	unread = new Map() // of the users who are not chosen now: name → number
	open = "" // with whom the thread is
	messages = []
	members = null

	#client
	#listeners = new Map()
	#due = new Map()
	#opened = 0

	constructor(client = control) {
		this.#client = client
	}

	on(topic, f) {
		if (!this.#listeners.has(topic)) this.#listeners.set(topic, [])
		this.#listeners.get(topic).push(f)
	}

	#tell(topic, what) {
		for (const f of this.#listeners.get(topic) ?? []) f(what)
	}

	start() {
		this.#client.follow(e => this.#event(e), () => this.#all(), () => this.#probe())
		setInterval(() => this.#soon("ring", async () => {
			await this.#loadStatus()
			await this.#loadRing()
			if (!this.known) await this.#loadUsers()
		}), statusEvery)
	}

	// #probe finds out why the stream broke, to say it.
	#probe() {
		this.#try(() => this.#loadStatus())
	}

	async #all() {
		await this.#try(async () => {
			await this.#loadStatus()
			await Promise.all([this.#loadRing(), this.#loadUsers(), this.#loadMembers()])
		})
	}

	// #try runs something that only asks the node, and notes whether it answers.
	async #try(f) {
		try {
			await f()
			this.#setLink(true)
		} catch (err) {
			this.#setLink(err)
		}
	}

	#setLink(link) {
		if (link === this.link || (link !== true && this.link && link.message === this.link.message)) return
		this.link = link
		this.#tell("link")
	}

	// #soon runs something once, however often it is wanted within a short while.
	#soon(what, f, ms = 200) {
		if (this.#due.has(what)) return
		this.#due.set(what, setTimeout(() => {
			this.#due.delete(what)
			this.#try(f)
		}, ms))
	}

	async #loadStatus() {
		this.status = await this.#client.status()
		if (!this.traffic.length && this.status.traffic) this.traffic.push(this.status.traffic)
		this.#tell("status")
		this.#tell("traffic")
	}

	async #loadRing() {
		this.ring = await this.#client.picture()
		this.#tell("ring")
	}

	async #loadMembers() {
		this.members = await this.#client.members()
		this.#tell("members")
	}

	async #loadUsers() {
		this.users = (await this.#client.users()) ?? []
		this.known = true
		if (!this.users.some(u => u.name === this.user)) {
			this.user = this.users[0]?.name ?? ""
			this.#leave()
		}
		this.#tell("users")
		await this.#loadPeople()
		if (this.open) await this.#loadThread()
	}

	async #loadPeople() {
		const user = this.user
		if (!user) {
			this.contacts = []
			this.conversations = []
		} else {
			const [contacts, conversations] = await Promise.all([this.#client.contacts(user), this.#client.conversations(user)])
			if (user !== this.user) return // another was chosen meanwhile
			this.contacts = contacts ?? []
			this.conversations = conversations ?? []
			this.unread.delete(user)
		}
		this.#tell("people")
	}

	async #loadThread() {
		const user = this.user, who = this.open, turn = ++this.#opened
		let list
		try {
			list = await this.#client.conversation(user, who)
		} catch (err) {
			if (err.kind !== "not-found") throw err
			list = [] // nothing was said yet
		}
		if (turn !== this.#opened || user !== this.user || who !== this.open) return
		this.messages = list ?? []
		if (list?.length) this.open = otherSide(list[0])
		this.#tell("thread")
	}

	#leave() {
		this.open = ""
		this.messages = []
		this.#opened++
		this.#tell("thread")
	}

	#event(e) {
		this.#setLink(true)
		switch (e.kind) {
		case "traffic":
			this.traffic.push(e.traffic)
			if (this.traffic.length > 120) this.traffic.shift()
			this.#tell("traffic")
			return
		case "ring":
			this.#soon("ring", () => this.#loadRing())
			this.#soon("status", () => this.#loadStatus())
			this.#soon("members", () => this.#loadMembers(), 1000)
			return
		case "trace":
			this.#tell("trace", e.trace)
			return
		case "message":
		case "state":
			this.#message(e)
			return
		case "user":
			this.#soon("users", () => this.#loadUsers())
			return
		case "room":
		case "receipt":
			if (e.user === this.user) this.#tell("rooms")
			return
		case "lost":
			this.#soon("all", () => this.#all())
			return
		case "join-request":
			this.#tell("join-request", e.name)
			return
		}
		// What is left is about a person: request, presence, contact, key-changed.
		if (e.user === this.user) this.#soon("people", () => this.#loadPeople(), 60)
	}

	#message({ kind, user, message: m }) {
		if (kind === "message" || m.state === "delivered") this.#tell("move", { from: m.from, to: m.to })
		if (user !== this.user) {
			if (kind === "message") {
				this.unread.set(user, (this.unread.get(user) ?? 0) + 1)
				this.#tell("users")
			}
			return
		}
		if (this.open && this.open === otherSide(m)) {
			this.#merge(m)
			this.#tell("thread")
		}
		this.#soon("people", () => this.#loadPeople(), 60)
	}

	#merge(m) {
		const at = this.messages.findIndex(x => x.id === m.id && Boolean(x.mine) === Boolean(m.mine))
		if (at >= 0) this.messages[at] = m
		else this.messages.push(m)
	}

	// people is everybody whom the list shows: contacts, and those with whom the
	// user has talked, the latest first.
	people() {
		const all = new Map(this.contacts.map(c => [whoOf(c), { who: whoOf(c), contact: c, unread: 0, last: null }]))
		for (const c of this.conversations) {
			const p = all.get(c.with) ?? { who: c.with, contact: null }
			all.set(c.with, { ...p, unread: c.unread, last: c.last })
		}
		const time = p => p.last?.received_at ?? p.last?.sent_at ?? ""
		return [...all.values()].sort((a, b) => (time(a) < time(b) ? 1 : time(a) > time(b) ? -1 : a.who < b.who ? -1 : 1))
	}

	// person is the one with whom the thread is, as far as known.
	person() {
		return this.people().find(p => p.who === this.open) ?? null
	}

	// choose makes another of the node's users the one who talks.
	async choose(user) {
		this.user = user
		this.#leave()
		this.#tell("users")
		await this.#try(() => this.#loadPeople())
	}

	// talk opens the thread with somebody; an empty name closes it.
	async talk(who) {
		this.#leave()
		// A name that was typed may differ from its normal form in upper and lower case.
		who = this.people().find(p => p.who.toLowerCase() === who.toLowerCase())?.who ?? who
		this.open = who
		this.#tell("people")
		this.#tell("thread")
		if (who) await this.#try(() => this.#loadThread())
	}

	async send(text) {
		const user = this.user, who = this.open
		const sent = await this.#client.send(user, who, text)
		if (user !== this.user || who !== this.open) return
		// Its first state may have come by the stream already, and then is newer.
		if (!this.messages.some(m => m.mine && m.id === sent.id)) {
			this.#merge({ id: sent.id, from: user, to: sent.to, text, mine: true, state: sent.state, reason: sent.reason, sent_at: new Date().toISOString() })
		}
		if (sent.to && sent.to !== who) this.open = sent.to // the name in its normal form
		this.#tell("thread")
		this.#soon("people", () => this.#loadPeople(), 60)
	}

	// seen says that messages of the open thread have been shown.
	async seen(ids) {
		const user = this.user
		await this.#try(() => this.#client.markRead(user, ids))
		const now = new Date().toISOString()
		for (const m of this.messages) if (!m.mine && ids.includes(m.id)) m.read_at ??= now
		this.#soon("people", () => this.#loadPeople(), 60)
	}

	// act does something about a person: "add", "accept", "remove" or "block".
	async act(what, who) {
		await this.#client[what](this.user, who)
		await this.#loadPeople()
		if (who === this.open) await this.#loadThread()
	}

	keys(who) {
		return this.#client.keys(this.user, who)
	}

	async verify(who, fingerprint) {
		await this.#client.verify(this.user, who, fingerprint)
		await this.#loadPeople()
	}

	async addUser(name) {
		const user = await this.#client.addUser(name)
		await this.#loadUsers()
		await this.choose(user.name)
		return user
	}

	doctor() {
		return this.#client.doctor()
	}

	invite() {
		return this.#client.invite()
	}

	async admit(code) {
		const member = await this.#client.admit(code)
		await this.#loadMembers()
		return member
	}

	trace(target) {
		return this.#client.trace(target)
	}

	async kill(node) {
		await this.#client.kill(node)
		await this.#loadRing()
	}

	async addNode() {
		const node = await this.#client.addNode()
		await this.#loadRing()
		return node
	}
}

// otherSide is with whom a message was exchanged.
export function otherSide(m) {
	return m.mine ? m.to : m.from
}
