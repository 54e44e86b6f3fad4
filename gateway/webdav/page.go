package webdav

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
)

// A browser that asks for a folder is shown what is in it, and how a file manager uses it: WebDAV itself
// has no answer to that.

const pageHead = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>%s</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%%}td{padding:.2rem 1rem .2rem 0;vertical-align:top}td+td{white-space:nowrap;text-align:right}</style>
<h1>%s</h1>
`

const pageFoot = `<p>To use this as a folder of your computer, connect its file manager to <b>%s</b> with the same app password
(Finder: Go, Connect to Server; Windows: Map network drive; Files of GNOME: the address with dav in place of http).</p>
`

// page shows a folder, and reports whether the request was for one.
func (v *view) page(w http.ResponseWriter) bool {
	p := path.Clean(v.r.URL.Path)
	folder, err := v.look(p)
	if err == nil {
		v.known[p] = folder // who answers instead does not ask again
	}
	if err != nil || !folder.IsDir() {
		v.fault = 0 // it is told by who answers instead
		return false
	}
	list, err := v.list(folder)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), cmp.Or(v.fault, http.StatusInternalServerError))
		return true
	}
	slices.SortFunc(list, func(a, b os.FileInfo) int { return cmp.Compare(a.Name(), b.Name()) })
	var b strings.Builder
	name := html.EscapeString(p)
	fmt.Fprintf(&b, pageHead, name, name)
	b.WriteString("<table>\n")
	if p != "/" {
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">..</a><td>\n", link(path.Dir(p), true))
	}
	for _, i := range list {
		size, end := fmt.Sprintf("%d bytes", i.Size()), ""
		if i.IsDir() {
			size, end = "", "/"
		}
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">%s</a><td>%s\n", link(path.Join(p, i.Name()), i.IsDir()), html.EscapeString(i.Name()+end), size)
	}
	if len(list) == 0 {
		b.WriteString("<tr><td>Nothing is in it.\n")
	}
	b.WriteString("</table>\n")
	scheme := "http"
	if v.r.TLS != nil {
		scheme = "https"
	}
	at := url.URL{Scheme: scheme, Host: v.r.Host, Path: "/" + v.key.Space}
	if v.key.Space == "" {
		at.Path = "/"
	}
	fmt.Fprintf(&b, pageFoot, html.EscapeString(at.String()))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	if v.r.Method == http.MethodGet {
		_, _ = io.WriteString(w, b.String()) // who asked may have gone
	}
	return true
}

// link is the address of a path, for a page.
func link(p string, folder bool) string {
	if folder && p != "/" {
		p += "/"
	}
	return html.EscapeString((&url.URL{Path: p}).EscapedPath())
}
