// Figures and times as people read them.

const units = ["B", "KB", "MB", "GB", "TB"]

// bytes writes a number of bytes with at most three digits.
export function bytes(n) {
	let unit = 0
	while (n >= 1000 && unit < units.length - 1) {
		n /= 1000
		unit++
	}
	return `${n < 10 && unit > 0 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`
}

// rate writes bytes a second in KB/s.
export function rate(n) {
	const k = n / 1000
	return `${k < 10 ? k.toFixed(1) : Math.round(k)} KB/s`
}

// millis writes microseconds.
export function millis(us) {
	if (us < 1000) return `${us} µs`
	const ms = us / 1000
	return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

// count writes a number with its noun.
export function count(n, one, many = `${one}s`) {
	return `${n} ${n === 1 ? one : many}`
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

// when writes a time: the hour if it is today's, else the day.
export function when(text, now = new Date()) {
	const at = new Date(text)
	return at.toDateString() === now.toDateString() ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`
}

// date writes a time in full.
export function date(text) {
	return full.format(new Date(text))
}

// ago writes how long ago a time was.
export function ago(text, now = Date.now()) {
	const s = Math.max(0, (now - new Date(text).getTime()) / 1000)
	if (s < 60) return "just now"
	if (s < 3600) return `${Math.floor(s / 60)} min ago`
	if (s < 86_400) return `${Math.floor(s / 3600)} h ago`
	return count(Math.floor(s / 86_400), "day") + " ago"
}

// span writes how long something has lasted.
export function span(text, now = Date.now()) {
	const s = Math.max(0, (now - new Date(text).getTime()) / 1000)
	if (s < 60) return `${Math.floor(s)} s`
	if (s < 3600) return `${Math.floor(s / 60)} min`
	if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`
	return `${count(Math.floor(s / 86_400), "day")} ${Math.floor(s / 3600) % 24} h`
}
