// Elements without a framework. Text always goes in as text, never as markup, so
// what other people write cannot become part of the page.

const SVG = "http://www.w3.org/2000/svg"

// el makes an element. Properties whose name begins with "on" are listeners; true
// and false set or leave out an attribute; the rest are attributes.
export function el(tag, props = {}, ...children) {
	return fill(document.createElement(tag), props, children)
}

// svg is el for the elements of a drawing.
export function svg(tag, props = {}, ...children) {
	return fill(document.createElementNS(SVG, tag), props, children)
}

function fill(node, props, children) {
	for (const [name, value] of Object.entries(props)) {
		if (name.startsWith("on")) node.addEventListener(name.slice(2), value)
		else set(node, name, value)
	}
	node.append(...children.filter(c => c !== null && c !== undefined && c !== false))
	return node
}

// set gives an attribute a value, or takes it away (false, null, undefined), and
// leaves it alone if nothing changes.
export function set(node, name, value) {
	if (value === false || value === null || value === undefined) {
		node.removeAttribute(name)
		return
	}
	const text = value === true ? "" : String(value)
	if (node.getAttribute(name) !== text) node.setAttribute(name, text)
}

// say sets the text of an element, only if it is another, so that screen readers
// do not repeat what has not changed.
export function say(node, text) {
	if (node.textContent !== text) node.textContent = text
}

// whole cuts a text into what el takes, so that no line ends after the hyphens of a flag.
export function whole(text) {
	return text.split(/(--\S+)/).map((part, i) => i % 2 ? el("span", { class: "whole" }, part) : part)
}

// tell is say for a text in which flags may stand.
export function tell(node, text) {
	if (node.textContent !== text) node.replaceChildren(...whole(text))
}

// show hides an element or takes that back.
export function show(node, is) {
	set(node, "hidden", !is)
}

// $ finds the one element with an id.
export function $(id) {
	return document.getElementById(id)
}

const keyed = new WeakMap()

// sync makes the children of a parent follow a list. Elements are kept by key, so
// that focus and scroll positions stay where they are. make(item) gives a new
// element, update(element, item) brings one up to date, and is called for new ones
// too. All children of the parent must come from sync.
export function sync(parent, items, keyOf, make, update) {
	const had = keyed.get(parent) ?? new Map()
	const keys = new Set(items.map(keyOf))
	for (const [key, node] of had) {
		if (!keys.has(key)) node.remove() // first, so that no other has to move
	}
	const has = new Map()
	let at = parent.firstChild
	for (const item of items) {
		const key = keyOf(item)
		const node = had.get(key) ?? make(item)
		update(node, item)
		has.set(key, node)
		if (node === at) at = at.nextSibling
		else parent.insertBefore(node, at)
	}
	keyed.set(parent, has)
}
