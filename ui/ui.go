// Package ui holds the node's page: HTML, style sheets, ES modules and pictures,
// written by hand and embedded as they are. There is no Go logic here and no build
// step, and the page asks for nothing from anywhere but its own node, so
//
//	Content-Security-Policy: default-src 'self'
//
// is all that it needs.
//
//	index.html        what stands on the page before any script runs
//	page.css          the page                ring.css         the drawing of the ring
//	files.css         files                   icon.svg         the leaf
//	js/ring.js        draws a ring from plain data; knows nothing of the node or the
//	                  page, and the lab's viewer uses it, with js/moves.js, js/ringmath.js,
//	                  js/dom.js and ring.css
//	js/client.js      the only file that knows the control API's addresses and fields
//	js/model.js       what the page knows, and what a person can do
//	js/shelf.js       the folder of files that is shown
//	js/main.js        puts the parts together
//	js/map.js, people.js, chat.js, rooms.js, verify.js, files.js, file.js, copies.js,
//	uploads.js, node.js, members.js
//	                  one part of the page each
//	js/dom.js, fails.js, clipboard.js, words.js
//	                  elements; errors beside what was done; lines to copy; figures and times in words
package ui

import (
	"embed"
	"io/fs"
)

//go:embed index.html page.css ring.css files.css icon.svg js/*.js
var files embed.FS

// Files holds the page; index.html stands at its root. All addresses in it are
// relative, so it can be served below any path.
var Files fs.FS = files
