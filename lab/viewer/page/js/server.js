// The only file that knows the server's addresses.

// usual is what a flag is where it is not given.
const usual = { seeds: "1", nodes: "16", rage: "2m0s", leaf: "", "for-good": "", without: "" }

// parseFlags reads flags as `phyllolab storm` prints them.
export function parseFlags(text) {
	const storm = { ...usual }
	const words = text.replace(/^\s*phyllolab\s+(storm|serve)\b/, "").trim().split(/[\s=]+/).filter(Boolean)
	for (let i = 0; i < words.length; i++) {
		const name = words[i].replace(/^--/, "").replace(/^seed$/, "seeds")
		if (!(name in usual)) throw new Error(`${words[i]}: take --seeds, --nodes, --rage, --leaf, --for-good and --without`)
		if (name === "for-good") {
			storm[name] = "true"
			continue
		}
		if (words[++i] === undefined) throw new Error(`--${name} needs a value`)
		storm[name] = words[i]
	}
	return storm
}

// flags writes a storm as flags.
export function flags(storm) {
	return Object.keys(usual).filter(name => storm[name]).map(name => (name === "for-good" ? "--for-good" : `--${name} ${storm[name]}`)).join(" ")
}

// parseMoment reads the part of the page's address after the "#".
export function parseMoment(hash) {
	const words = new URLSearchParams(hash.replace(/^#/, ""))
	const storm = { ...usual }
	for (const name of Object.keys(usual)) storm[name] = words.get(name) ?? storm[name]
	return { storm, at: Number(words.get("at")) || 0, node: words.has("node") ? Number(words.get("node")) : null, given: words.has("seeds") }
}

// moment is the opposite of parseMoment.
export function moment(storm, at, node) {
	const words = query(storm)
	if (at) words.set("at", String(at))
	if (node !== null) words.set("node", String(node))
	return "#" + words.toString().replaceAll("%2C", ",")
}

function query(storm) {
	return new URLSearchParams(Object.entries(storm).filter(([, value]) => value))
}

async function get(path, signal) {
	const answer = await fetch(path, { signal })
	if (!answer.ok) throw new Error((await answer.text()).trim())
	return answer
}

// kinds lists the kinds of faults.
export async function kinds() {
	return (await get("v1/kinds")).json()
}

// first is the storm that the program was started for, as the page's address has it.
export async function first() {
	return (await get("v1/first")).json()
}

// look asks what all nodes knew at a time in seconds.
export async function look(storm, at, signal) {
	const words = query(storm)
	words.set("at", String(Math.round(at * 1e6)))
	return (await get("v1/look?" + words, signal)).json()
}

// run lets a storm run, and calls each with its events, many at a time.
export async function run(storm, each, signal) {
	const answer = await get("v1/storm?" + query(storm), signal)
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
	let rest = ""
	for (;;) {
		const { value, done } = await reader.read()
		if (done) return
		const lines = (rest + value).split("\n")
		rest = lines.pop()
		each(lines.map(line => JSON.parse(line)))
	}
}
