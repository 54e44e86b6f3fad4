// The folder of files that the page shows, and what a person can do with files. Parts of the page
// listen with on(f).

import { client as control } from "./client.js"

// How many files' copies are counted at once: each is a question to several nodes.
const counters = 2

export class Shelf {
	user = ""
	spaces = null // null: not known yet
	space = "home"
	folder = "" // with a "/" at its end, or empty
	folders = []
	files = []
	next = "" // the list goes on behind it
	error = null
	round = 0 // grows when all copies are to be counted anew

	#client
	#listeners = []
	#turn = 0
	#copies = new Map() // by key: what was counted, or the error
	#wanted = [] // those that wait to be counted
	#pending = new Set() // their keys, and those under way
	#counting = 0

	constructor(client = control) {
		this.#client = client
	}

	on(f) {
		this.#listeners.push(f)
	}

	#tell() {
		for (const f of this.#listeners) f()
	}

	// use shows the files of another user.
	async use(user) {
		if (user === this.user) return
		this.user = user
		this.spaces = null
		await this.open("home", "")
	}

	// open shows another folder.
	async open(space, folder) {
		this.space = space
		this.folder = folder
		this.folders = []
		this.files = []
		this.next = ""
		await this.load()
	}

	// again is load, with all copies counted anew.
	async again() {
		this.#copies.clear()
		this.round++
		await this.load()
	}

	// load asks for what is in the folder now. Its error stays in error.
	async load() {
		const turn = ++this.#turn, { user } = this
		if (!user) {
			this.#tell()
			return
		}
		try {
			const spaces = (await this.#client.spaces(user)) ?? []
			if (turn !== this.#turn) return
			this.spaces = spaces.sort((a, b) => (a.name === "home" ? -1 : b.name === "home" ? 1 : a.name < b.name ? -1 : 1))
			const page = this.here() ? await this.#client.files(user, this.space, this.folder) : { files: [], folders: [], next: "" }
			if (turn !== this.#turn) return
			this.#take(page, [], [])
			this.error = null
		} catch (err) {
			if (turn !== this.#turn) return
			this.error = err
		}
		this.#tell()
	}

	// more adds what the list has behind what is shown.
	async more() {
		const turn = this.#turn
		const page = await this.#client.files(this.user, this.space, this.folder, this.next)
		if (turn !== this.#turn) return
		this.#take(page, this.files, this.folders)
		this.#tell()
	}

	#take(page, files, folders) {
		this.files = [...files, ...page.files.filter(f => f.name !== this.folder)] // a folder that was made by its name
		this.folders = [...folders, ...page.folders]
		this.next = page.next ?? ""
	}

	// here is the space that is shown, if there is one already.
	here() {
		return this.spaces?.find(s => s.name === this.space) ?? null
	}

	// writes says whether the user may store files here.
	writes() {
		const s = this.here()
		return Boolean(this.user && this.spaces && !s?.trouble && (s ? s.writes : this.space === "home"))
	}

	which(name, version) {
		return { user: this.user, space: this.space, name, version }
	}

	#key(f) {
		return `${this.user} ${this.space} ${f.version} ${f.name}`
	}

	// copies is what is known of a file's copies: {copies, wanted, need}, an error, or nothing yet.
	copies(f) {
		return this.#copies.get(this.#key(f))
	}

	// count has a file's copies counted, some time soon.
	count(f) {
		const key = this.#key(f)
		if (this.#copies.has(key) || this.#pending.has(key)) return
		this.#pending.add(key)
		this.#wanted.push({ key, which: this.which(f.name, f.version) })
		this.#countNext()
	}

	async #countNext() {
		if (this.#counting >= counters || !this.#wanted.length) return
		this.#counting++
		const { key, which } = this.#wanted.shift()
		try {
			this.#copies.set(key, await this.#client.countCopies(which))
		} catch (err) {
			this.#copies.set(key, err)
		}
		this.#pending.delete(key)
		this.#counting--
		this.#tell()
		this.#countNext()
	}

	// store stores a file of the browser's in a folder of a space, maybe as an archive.
	async store({ user, space, name, archive }, file, onSent, signal) {
		const f = await this.#client.upload({ user, space, name, archive }, file, onSent, signal)
		this.#copies.set(`${user} ${space} ${f.version} ${f.name}`, f)
		await this.load()
		return f
	}

	history(name) {
		return this.#client.history(this.which(name))
	}

	async share(name, version) {
		return (await this.#client.share(this.which(name, version))).link
	}

	// download has the browser save a version of a file, or what a link leads to.
	async download(name, version) {
		save(await this.#client.download(this.which(name, version)))
	}

	async remove(name, version) {
		await this.#client.removeFile(this.which(name, version))
		await this.load()
	}

	// move gives a file another name, and shows where it is then.
	async move(name, to) {
		await this.#client.move(this.which(name), to)
		await this.open(this.space, to.slice(0, to.lastIndexOf("/") + 1))
	}

	// A folder's name is its whole path, and ends with "/".
	async addFolder(folder) {
		await this.#client.addFolder(this.which(folder))
		await this.open(this.space, folder)
	}

	async moveFolder(folder, to) {
		if (folder === to) return
		await this.#client.move(this.which(folder), to)
		await this.open(this.space, to)
	}

	async removeFolder(folder) {
		await this.#client.removeFile(this.which(folder))
		await this.open(this.space, folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1))
	}

	// countBelow is how many files are in a folder and below it, or that there are more.
	async countBelow(folder) {
		const page = await this.#client.allFiles(this.user, this.space, folder)
		return { files: page.files.filter(f => !f.name.endsWith("/")).length, more: Boolean(page.next) }
	}

	async addSpace(name) {
		await this.#client.addSpace(this.user, name)
		await this.open(name, "")
	}

	// openLink opens what a link leads to: a file, or a space that was granted.
	async openLink(link) {
		if (!link.startsWith("phyllo://space/")) return this.download(link)
		const space = await this.#client.joinSpace(this.user, link)
		await this.open(space.name, "")
	}

	// owns says whether the user decides who may use the space.
	owns() {
		return Boolean(this.user) && this.here()?.owner === this.user
	}

	// grant lets a person use the space, and returns the line that he needs.
	async grant(name, reads) {
		const { link } = await this.#client.grant(this.user, this.space, name, reads)
		await this.load()
		return link
	}

	async revoke(name) {
		await this.#client.revoke(this.user, this.space, name)
		await this.load()
	}
}

function save(address) {
	const link = document.createElement("a")
	link.href = address
	link.download = "" // the node says under which name
	link.click()
}
