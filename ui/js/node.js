// This node: what it costs, and how it can be reached.

import { $, el, say, set, show, sync, tell, whole } from "./dom.js"
import { short } from "./ringmath.js"
import { fails } from "./fails.js"
import { bytes, count, date, rate, span } from "./words.js"

const signs = { good: "✓", warn: "!", bad: "✕" }

export function startNode(model) {
	function drawStatus() {
		const s = model.status
		if (!s) return
		say($("where"), s.ring_name ? `ring ${s.ring_name}` : s.ring ? `ring ${short(s.ring)}` : "in no ring")
		show($("state"), true)
		say($("state"), s.state)
		set($("state"), "data-state", s.state)
		tell($("reach"), s.reach?.sentence || "Whether this node can be reached from outside is not known yet.")
		set($("reach"), "data-kind", s.reach?.kind)
		say($("lid"), s.queued
			? `${count(s.queued, "message")} still ${s.queued === 1 ? "waits" : "wait"} here for people who are away: leave this machine on until ${s.queued === 1 ? "it is" : "they are"} delivered.`
			: "No message waits here: this machine may sleep.")
		const facts = [
			["id", s.id], ["addresses", (s.addrs ?? []).join("  ") || "none"],
			["leaf set", count(s.leafset?.length ?? 0, "node")], ["routing table", count(s.table_entries, "entry", "entries")],
			["runs for", span(s.started)], ["home", s.home], ["version", s.version],
		].filter(([, value]) => value)
		sync($("facts"), facts, f => f[0], f => el("div", {}, el("dt", {}, f[0]), el("dd")), (div, f) => {
			say(div.lastChild, f[1])
			set(div.lastChild, "title", f[0] === "runs for" ? `since ${date(s.started)}` : false)
		})
	}

	function drawTraffic() {
		const t = model.traffic.at(-1)
		if (!t) return
		say($("meter-traffic"), rate(t.rate_in + t.rate_out))
		say($("meter-memory"), bytes(t.rss_bytes))
		say($("meter-connections"), String(t.connections))
		const most = Math.max(1000, ...model.traffic.map(x => Math.max(x.rate_in, x.rate_out)))
		const line = of => "M" + model.traffic.map((x, i) => `${120 - (model.traffic.length - 1 - i)} ${(31 - (of(x) / most) * 30).toFixed(1)}`).join("L")
		const ready = model.traffic.length > 1
		set($("spark-in"), "d", ready && line(x => x.rate_in))
		set($("spark-out"), "d", ready && line(x => x.rate_out))
		say($("spark-words"), `In ${rate(t.rate_in)}, out ${rate(t.rate_out)}; since the start ${bytes(t.bytes_in)} in, ${bytes(t.bytes_out)} out.`)
	}

	function drawLink() {
		const err = model.link === true ? null : model.link
		show($("trouble"), err)
		say($("trouble"), err ? (err.kind === "denied" ? "This page is not signed in to its node, or no longer. Open it with: phyllo ui" : err.message) : "")
		document.body.classList.toggle("gone", Boolean(err))
		if (err) {
			show($("state"), true)
			say($("state"), "no answer")
			set($("state"), "data-state", "gone")
		} else {
			drawStatus()
		}
	}

	fails($("doctor-error"), $("doctor"), "click", async () => {
		const found = await model.doctor()
		$("findings").replaceChildren(...found.map(f => el("li", { class: f.verdict }, el("strong", {}, `${signs[f.verdict] ?? ""} ${f.about}: `), ...whole(f.sentence))))
	})

	model.on("status", drawStatus)
	model.on("traffic", drawTraffic)
	model.on("link", drawLink)
}
