// Where things of a ring stand in a drawing of it. Pure functions: no element is
// touched here.

// turn says how far around the ring an id (32 hex digits) stands, from 0 to just
// below 1. 13 digits are as many as a number holds exactly.
export function turn(id) {
	return Number.parseInt(id.slice(0, 13), 16) / 16 ** 13
}

// place is the point of an id on a circle around the origin; id 0 is at the top,
// and ids grow clockwise.
export function place(id, radius) {
	const angle = turn(id) * 2 * Math.PI
	return { x: radius * Math.sin(angle), y: -radius * Math.cos(angle) }
}

// short is the beginning of an id, as the command line prints it.
export function short(id) {
	return id.slice(0, 8)
}

// chord is the path of an SVG curve between two points, bent towards the origin, the
// more the further they are apart, so that ways do not lie on the circle.
export function chord(from, to) {
	const apart = Math.hypot(to.x - from.x, to.y - from.y)
	const far = Math.hypot(from.x, from.y) + Math.hypot(to.x, to.y)
	const bend = 0.15 + (far ? (0.45 * apart) / far : 0)
	const cx = ((from.x + to.x) / 2) * (1 - bend)
	const cy = ((from.y + to.y) / 2) * (1 - bend)
	return `M${round(from.x)} ${round(from.y)}Q${round(cx)} ${round(cy)} ${round(to.x)} ${round(to.y)}`
}

export function round(x) {
	return Math.round(x * 10) / 10
}

// spread moves numbers apart, in order, so that neighbours are at least gap apart
// and all lie between low and high; where there is no room for all they are evenly
// spaced. It returns the new numbers in the order of the old ones.
export function spread(wanted, gap, low, high) {
	const order = wanted.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1])
	const room = order.length > 1 ? Math.min(gap, (high - low) / (order.length - 1)) : 0
	const at = []
	let least = low
	for (const [y] of order) {
		at.push(Math.max(y, least))
		least = at.at(-1) + room
	}
	let most = high
	for (let i = at.length - 1; i >= 0; i--) {
		at[i] = Math.min(at[i], most)
		most = at[i] - room
	}
	const result = []
	order.forEach(([, i], k) => { result[i] = at[k] })
	return result
}

// labelPlaces puts a text beside each of some points on a circle: outside it, left
// or right, and not over one another. It returns {x, y, right, moved} for each.
export function labelPlaces(points, radius, gap, low, high) {
	const result = points.map(() => null)
	for (const right of [true, false]) {
		const side = points.map((p, i) => i).filter(i => (points[i].x >= 0) === right)
		const wanted = side.map(i => (points[i].y / Math.hypot(points[i].x, points[i].y)) * radius)
		spread(wanted, gap, low, high).forEach((y, k) => {
			const x = Math.sqrt(Math.max(0, radius * radius - y * y))
			result[side[k]] = { x: right ? x : -x, y, right, moved: Math.abs(y - wanted[k]) }
		})
	}
	return result
}
