// Items of work that are offered to the topic that is open, each of which is done by one of those
// who take them: this node's, and for the topic's owner those of all nodes.

import { $, el, say, set, show, sync } from "./dom.js"
import { client } from "./client.js"
import { short } from "./ringmath.js"
import { count, when } from "./words.js"
import { fails, tell } from "./fails.js"

// While items are under way the list is asked for so often.
const again = 3_000

// The other nodes are asked so often, while the owner looks.
const askOthers = 10_000

// How many items with an outcome stay to be seen.
const most = 50

const over = ["done", "none", "failed", "expired", "withdrawn"]

// startWork shows the items of the topic that topic() names. owner() is who of those who live here owns
// it, or "".
export function startWork(model, topic, owner) {
	let items = [] // of all topics, as the node has them
	const told = new Map() // topic → what became of items that were offered here, by their number
	let others = null // { topic, survey, error }: what all nodes offer
	let asked = {} // { topic, at }: the last question for it
	let turn = 0, due = 0

	const seen = () => $("topic-work").open && $("topic-work").getClientRects().length && !document.hidden

	async function load() {
		const now = ++turn
		let got = []
		try {
			got = (await client.workItems()) ?? []
		} catch (err) {
			tell($("work-error"), err)
			return
		}
		if (now !== turn) return
		items = got
		draw()
		await lookElsewhere()
		if (now !== turn) return
		if (items.some(i => i.topic === topic() && !over.includes(i.state))) soon(again)
		else if (owner()) soon(askOthers)
	}

	async function lookElsewhere() {
		const name = topic(), who = owner()
		if (!who || asked.topic === name && Date.now() - asked.at < askOthers) return
		const next = asked = { topic: name, survey: null, error: null, at: Date.now() }
		try {
			next.survey = await client.workSurvey(name, who)
		} catch (err) {
			next.error = err
		}
		if (name !== topic()) return
		next.survey ??= others?.topic === name ? others.survey : null
		others = next
		draw()
	}

	// elsewhere is what is known of other nodes' items of the topic.
	function elsewhere() {
		const is = owner() && others?.topic === topic() && others
		if (!is) return { items: [], words: "" }
		const { survey: s, error } = is
		const theirs = (s?.items ?? []).filter(i => i.offerer !== model.ring?.self && !items.some(x => x.item === i.item))
		const words = []
		if (error) words.push(`What other nodes offer cannot be asked now: ${error.message}`)
		else if (s.nodes < s.of) words.push(`${count(s.of, "node offers", "nodes offer")} items, of which ${s.nodes} answered: what the others have is not shown.`)
		if (s?.more) words.push(`${count(s.more, "more item")} not shown.`)
		if (s?.more_nodes) words.push("More nodes offer items than are remembered: these were not asked.")
		if (s?.young && !error) words.push("Other nodes may offer items, too: within five minutes all of them are known.")
		return { items: theirs, words: words.join(" ") }
	}

	function soon(ms = 100) {
		clearTimeout(due)
		due = setTimeout(() => seen() && topic() && load(), ms)
	}

	// rows are the items that are under way, and then those that are not, the last first.
	function rows() {
		const name = topic()
		const here = items.filter(i => i.topic === name)
		const ended = [...told.get(name)?.values() ?? []].filter(i => over.includes(i.state) && !here.some(x => x.item === i.item))
		return [...here, ...elsewhere().items.filter(i => !ended.some(x => x.item === i.item)), ...ended.reverse()]
	}

	function draw() {
		const list = rows()
		sync($("work-items"), list, i => i.item, i => el("li", { class: "item" },
			el("span", { class: "text", dir: "auto" }), el("span", { class: "quiet" }), el("button", { type: "button", class: "plain", onclick: () => withdraw([i.item]) }, "Withdraw")), (li, i) => {
			const [text, state, button] = li.children
			set(li, "data-state", i.state)
			say(text, i.cut ? `${i.text || "no text"} …` : i.data ? `${atob(i.data).length} bytes that are no text` : i.text)
			say(state, standing(i))
			show(button, i.state !== "done" && i.state !== "withdrawn" && i.state !== "none" && items.includes(i))
		})
		show($("work-none"), !list.length)
		const { words } = elsewhere()
		show($("work-others"), words)
		say($("work-others"), words)
		show($("work-withdraw"), items.filter(i => i.topic === topic()).length > 1)
	}

	const personAt = node => model.ring?.nodes.find(n => n.id === node)?.people?.join(", ")

	// standing says in words where an item is.
	function standing(i) {
		const who = i.node && !/^0+$/.test(i.node) ? personAt(i.node) || `node ${short(i.node)}` : ""
		const words = {
			queued: "waits for a taker", offered: "is offered", taken: `in the hands of ${who}`, again: "is offered again", done: `done by ${who}`,
			none: "nobody takes items of this topic now", failed: "failed", expired: "has waited too long", withdrawn: "withdrawn",
		}
		const on = i.offerer && i.offerer !== model.ring?.self ? `offered by ${i.name || personAt(i.offerer) || "node"} ${short(i.offerer)}` : ""
		return [words[i.state] ?? i.state, i.why, on, when(i.time)].filter(Boolean).join(" · ")
	}

	async function withdraw(which) {
		tell($("work-error"), null)
		try {
			await client.withdrawWork(topic(), which)
			await load()
		} catch (err) {
			tell($("work-error"), err)
		}
	}
	fails($("work-error"), $("work-withdraw"), "click", () => withdraw([]))

	fails($("work-error"), $("work-offer"), "submit", async () => {
		const name = topic(), text = $("work-text").value.trim()
		if (!text) return
		const mine = told.get(name) ?? new Map()
		told.set(name, mine)
		let began = false
		// The stream goes on until the item has an outcome; the form is free as soon as it is queued.
		await new Promise((resolve, reject) => {
			client.offerWork({ topic: name, user: model.user, wait: true }, text, e => {
				mine.set(e.item, { ...mine.get(e.item), item: e.item, topic: name, text, state: e.event, node: e.node, why: e.why, time: e.time })
				if (mine.size > most) mine.delete(mine.keys().next().value)
				began = true
				resolve()
				draw()
				soon()
			}).then(resolve, err => began ? tell($("work-error"), err) : reject(err))
		})
		$("work-text").value = ""
	})

	$("topic-work").addEventListener("toggle", () => soon(0))
	document.addEventListener("visibilitychange", () => soon())
	addEventListener("hashchange", () => soon())

	return {
		// begin shows another topic's items.
		begin() {
			$("work-text").value = ""
			tell($("work-error"), null)
			draw()
			soon(0)
		},
	}
}
