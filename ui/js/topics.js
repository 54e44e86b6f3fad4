// Topics: what programs and people publish, read as it comes.

import { $, el, say, set, show, sync } from "./dom.js"
import { ApiError, client, groups, isPrint } from "./client.js"
import { count, date, when } from "./words.js"
import { fails, tell } from "./fails.js"
import { startTree } from "./tree.js"
import { startWork } from "./work.js"

// How many lines of history are asked for at first, and how many stay on the page.
const first = 100, most = 1000

export function startTopics(model) {
	let topics = []
	const opened = new Set() // names that were typed here: the node may have nothing to do with them yet
	let open = ""
	let reading = null // an AbortController of what is read
	let state = "" // "", "waiting", "reading" or "ended"
	let lines = [] // TopicEvents, each with a key
	let made = 0
	const log = $("topic-lines")
	const tree = startTree(model, () => open)
	const topic = () => topics.find(t => t.name === open) ?? null
	// ownerHere is who of those who live here owns the topic that is open, or "".
	const ownerHere = () => topic()?.mine ? model.users.find(u => u.key?.hex === topic().owner)?.name ?? model.user : ""
	const work = startWork(model, () => open, ownerHere)

	async function load() {
		topics = (await client.topics()) ?? []
		draw()
	}
	let due = 0
	function soon() {
		clearTimeout(due)
		due = setTimeout(() => load().catch(err => tell($("topics-error"), err)), 100)
	}

	// nameOf is who has a key, as far as this node has proof: those who live here, contacts, and
	// those with whom the user has talked.
	const asked = new Set(), pinned = new Map()
	function nameOf(print, name) {
		if (name) return name
		const known = model.users.find(u => u.key?.hex === print)?.name || model.contacts.find(c => c.key === print && c.name)?.name || pinned.get(print)
		return known || groups(print).slice(0, 9)
	}
	async function learn() {
		const who = open && model.conversations.find(c => !isPrint(c.with) && !asked.has(`${model.user} ${c.with}`))?.with
		if (!who) return
		asked.add(`${model.user} ${who}`)
		try {
			pinned.set((await client.keys(model.user, who)).pinned.hex, who)
			drawSoon()
		} catch {
			// Then his fingerprint stands for him.
		}
		learn()
	}

	function draw() {
		const names = [...new Set([...topics.map(t => t.name), ...opened])].sort()
		sync($("topics-list"), names, n => n, makeTopic, drawTopic)
		show($("topics-empty"), !names.length)
		drawOpen()
	}

	function makeTopic(name) {
		return el("li", {}, el("button", { type: "button", class: "person", "data-topic": name, onclick: () => enter(name) },
			el("span", { "aria-hidden": "true" }, "»"), el("span", { class: "name" }, name), el("span"), el("span"), el("span", { class: "last" })))
	}

	function drawTopic(li, name) {
		const t = topics.find(x => x.name === name)
		set(li.firstChild, "aria-current", name === open ? "true" : false)
		say(li.firstChild.lastChild, t ? standing(t) : "not read here")
	}

	function enter(name) {
		reading?.abort()
		reading = null
		open = name
		lines = []
		state = ""
		tell($("topic-error"), null)
		tell($("topic-trouble"), null)
		show($("topic-rules"), false)
		show($("topic-ask"), false)
		show($("topic-older"), true)
		tree.begin()
		work.begin()
		draw()
		if (!name) return
		read(name, first)
		learn()
		$("topic-name").focus()
	}

	// read reads a topic until another is opened; a stream that breaks is taken up again, and what
	// has come already is not shown twice.
	async function read(name, last) {
		reading?.abort()
		const mine = reading = new AbortController()
		const user = model.user
		for (let wait = 500; !mine.signal.aborted; wait = Math.min(wait * 2, 10_000)) {
			try {
				await client.readTopic({ topic: name, user, last }, e => {
					if (mine.signal.aborted) return
					wait = 500
					take(e)
				}, mine.signal)
				if (mine.signal.aborted) return
				throw new ApiError("gone", "The node has stopped.")
			} catch (err) {
				if (mine.signal.aborted) return
				if (err.kind === "usage") { // not a name for a topic
					opened.delete(name)
					enter("")
					askName(name, err)
					return
				}
				state = "ended"
				tell($("topic-trouble"), err)
				drawOpen()
				if (!["gone", "not-running", "unreachable"].includes(err.kind)) return
			}
			await new Promise(then => setTimeout(then, wait))
		}
	}

	const seen = e => `${e.from} ${e.life} ${e.seq}`

	function take(e) {
		if (e.event === "waiting" || e.event === "begin") {
			state = e.event === "begin" ? "reading" : "waiting"
			tell($("topic-trouble"), null)
			soon()
			tree.soon()
		} else if (e.event === "ended") {
			state = "ended"
		} else {
			const key = e.event === "slow" ? `slow ${++made}` : `${e.event} ${seen(e)}`
			if (!lines.some(x => x.key === key)) {
				lines.push({ ...e, key })
				tree.came(e)
			}
		}
		drawSoon()
	}

	// Lines may come by thousands a second: they are drawn once for each picture.
	let drawing = false
	function drawSoon() {
		if (drawing) return
		drawing = true
		requestAnimationFrame(() => {
			drawing = false
			if (lines.length > most) lines = lines.slice(-most)
			drawOpen()
		})
	}

	function drawOpen() {
		set(document.body, "data-topic", open ? "open" : "list")
		show($("topic-none"), !open)
		show($("topic-open"), open)
		if (!open) return
		const t = topic()
		say($("topic-name"), open)
		say($("topic-words"), t ? rules(t, nameOf) : "")
		show($("topic-set"), t?.mine)
		show($("topic-waits"), state === "waiting" && !lines.length)
		show($("topic-older"), state === "reading" && lines.length >= first && lines.length < most && $("topic-older").dataset.topic !== open)
		const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
		sync(log, lines, e => e.key, makeLine, drawLine)
		if (atEnd) log.scrollTop = log.scrollHeight
	}

	function makeLine(e) {
		if (e.event === "message") {
			return el("li", {}, el("span", { class: "who" }), el("span", { class: "text", dir: "auto" }, e.data ? `${count(atob(e.data).length, "byte")} that are no text` : e.text), el("time", { title: date(e.time) }, when(e.time)))
		}
		return el("li", { class: "gap" }, el("span", { class: "who" }), el("span", { class: "text" }, apart(e)))
	}

	function drawLine(li, e) {
		say(li.firstChild, e.from ? nameOf(e.from, e.name) : "")
	}

	$("topic-back").addEventListener("click", () => {
		const was = open
		enter("")
		document.querySelector(`.person[data-topic="${CSS.escape(was)}"]`)?.focus()
	})
	$("topic-older").addEventListener("click", () => {
		$("topic-older").dataset.topic = open
		lines = []
		log.focus()
		read(open, most)
	})

	function askName(text, err) {
		show($("topic-ask"), true)
		tell($("topic-ask-error"), err)
		$("topic-ask-text").value = text
		$("topic-ask-text").focus()
	}
	$("open-topic").addEventListener("click", () => askName("", null))
	$("topic-ask-cancel").addEventListener("click", () => {
		show($("topic-ask"), false)
		$("open-topic").focus()
	})
	$("topic-ask").addEventListener("submit", e => {
		e.preventDefault()
		const name = $("topic-ask-text").value.trim()
		if (!name) return
		opened.add(name)
		enter(name)
	})

	$("topic-text").addEventListener("keydown", e => {
		if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
			e.preventDefault()
			$("topic-compose").requestSubmit()
		}
	})
	fails($("topic-error"), $("topic-compose"), "submit", async () => {
		const text = $("topic-text").value
		if (!text.trim()) return
		$("topic-text").value = ""
		try {
			await client.publish(open, model.user, text)
		} catch (err) {
			if (!$("topic-text").value) $("topic-text").value = text
			throw err
		}
		log.scrollTop = log.scrollHeight
		soon()
	})

	$("topic-set").addEventListener("click", () => {
		const t = topic()
		const people = (all, others) => all ? "all" : others ? "" : "owner"
		$("topic-publish").value = people(t.all_publish, t.publishers)
		$("topic-read").value = people(t.all_read, t.readers)
		$("topic-publish").placeholder = t.publishers ? `${count(t.publishers, "name")} now` : "all"
		$("topic-read").placeholder = t.readers ? `${count(t.readers, "name")} now` : "all"
		tell($("topic-rules-error"), null)
		show($("topic-rules"), true)
		$("topic-publish").focus()
	})
	$("topic-rules-cancel").addEventListener("click", () => {
		show($("topic-rules"), false)
		$("topic-set").focus()
	})
	fails($("topic-rules-error"), $("topic-rules"), "submit", async () => {
		const t = topic()
		const names = id => $(id).value.split(/[\s,]+/).filter(Boolean)
		await client.setTopic({ topic: t.name, user: ownerHere(), publish: names("topic-publish"), read: names("topic-read"), keep: t.keep, keep_for_ms: t.keep_for_ms })
		show($("topic-rules"), false)
		await load()
		$("topic-set").focus()
	})

	model.on("status", soon)
	model.on("people", () => {
		drawOpen()
		learn()
	})
	// Who reads is another one.
	let user = model.user
	model.on("users", () => {
		if (user === model.user) return
		user = model.user
		if (open) enter(open)
	})
}

// standing is what the node has to do with a topic.
function standing(t) {
	const does = []
	if (t.messages) does.push(count(t.messages, "message"))
	if (t.mine) does.push("yours")
	if (t.root) does.push("begins here")
	else if (t.keeping) does.push("kept here")
	if (t.reading) does.push("read here")
	if (t.children) does.push(`handed on to ${t.children}`)
	return does.join(", ")
}

// rules says whose a topic is, and who may do what.
function rules(t, nameOf) {
	const some = (all, others) => all ? "all" : others ? `its owner and ${others} more` : "its owner alone"
	const hours = t.keep_for_ms / 3_600_000
	const long = hours >= 48 ? count(Math.round(hours / 24), "day") : hours >= 1 ? count(Math.round(hours), "hour") : count(Math.round(hours * 60), "minute")
	return `Belongs to ${nameOf(t.owner)}. Published by ${some(t.all_publish, t.publishers)}, read by ${some(t.all_read, t.readers)}; the last ${t.keep} are kept, for ${long}.`
}

// apart says what stands in the place of messages.
function apart(e) {
	if (e.event === "gap") return `${count(e.lost, "message")} lost: nobody keeps ${e.lost === 1 ? "it" : "them"} any more`
	if (e.event === "slow") return `${count(e.lost, "message")} left out: they came faster than this page could read`
	return "a message that a later version of phyllo can read"
}
