// What happened in a storm, and how all stood at any moment of it. No element is
// touched here.
//
// An event is as lab/viewer tells it: {t, e, n, w, …}, t in microseconds. Times here are
// in seconds.

// How long a message is to be seen after it was sent, when time stands still.
const fresh = 0.4

// What life's events make of a node; others leave it as it is.
const turns = { started: "waiting", crashed: "dead", "died": "dead", stopped: "dead", paused: "paused", woken: "waiting" }

export class Story {
	events = []
	lines = [] // of these, those to be read: {t, text, wrong, turn}
	moments = [] // the times at which something happens, in order
	marks = [] // for the time line: {t, wrong}
	rage = { from: null, to: null }
	end = null // {wrong, flags} when the storm is over
	#sent = [] // messages, in order
	#state = new Map() // by number of the node: at the time #at
	#next = 0
	#at = 0

	// add takes the next event.
	add(e) {
		if (e.e === "end") {
			this.end = e
			return
		}
		const t = e.t / 1e6
		const event = { ...e, t }
		this.events.push(event)
		if (this.moments.at(-1) !== t) this.moments.push(t)
		switch (e.e) {
			case "hop":
			case "reply":
			case "lost":
				this.#sent.push(event)
				break
			case "life":
				if (turns[e.text] === "dead") this.marks.push({ t })
				break
			case "line":
				this.#line(event)
		}
	}

	#line({ t, text }) {
		const wrong = text.startsWith("WRONG: ")
		if (wrong) this.marks.push({ t, wrong })
		if (text.startsWith("faults begin")) this.rage.from = t
		if (text === "faults end") this.rage.to = t
		this.lines.push({ t, text, wrong, turn: text.startsWith("faults ") })
	}

	// last is the time of the last event so far.
	get last() {
		return this.moments.at(-1) ?? 0
	}

	// at returns the nodes as they were then: {n, id, at, state, claimed, paused}.
	at(t) {
		if (t < this.#at) {
			this.#state = new Map()
			this.#next = 0
		}
		this.#at = t
		for (; this.#next < this.events.length && this.events[this.#next].t <= t; this.#next++) {
			this.#apply(this.events[this.#next])
		}
		return [...this.#state.values()]
	}

	#apply(e) {
		const node = this.#state.get(e.n)
		switch (e.e) {
			case "node":
				this.#state.set(e.n, { n: e.n, id: e.id, at: e.at, state: "waiting", claims: false })
				break
			case "life":
				if (!turns[e.text]) break
				node.state = turns[e.text]
				if (node.state === "dead" || e.text === "started") node.claims = false
				if (e.text === "woken" && node.claims) node.state = "alive"
				break
			case "claims":
				node.claims = Boolean(e.yes)
				if (node.state === "waiting" || node.state === "alive") node.state = e.yes ? "alive" : "waiting"
		}
	}

	// sent returns the messages that were sent after from and until to.
	sent(from, to) {
		let i = first(this.#sent, from)
		const out = []
		for (; i < this.#sent.length && this.#sent[i].t <= to; i++) out.push(this.#sent[i])
		return out
	}

	// around returns the messages to be seen at a moment.
	around(t) {
		return this.sent(t - fresh, t)
	}

	// upTo returns the lines until a moment, the last ones of them.
	upTo(t, most) {
		const end = first(this.lines, t)
		return this.lines.slice(Math.max(0, end - most), end)
	}

	// next and before are the moments on either hand; undefined at the ends.
	next(t) {
		return this.moments.find(m => m > t)
	}

	before(t) {
		return this.moments.findLast(m => m < t)
	}
}

// first is the place of the first of a list, in order of time, that comes after t.
function first(list, t) {
	let low = 0, high = list.length
	while (low < high) {
		const middle = (low + high) >> 1
		if (list[middle].t > t) high = middle
		else low = middle + 1
	}
	return low
}
