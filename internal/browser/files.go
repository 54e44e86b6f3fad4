package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Choose gives files to an input of the type "file", as its user does in the system's
// dialog.
func (p *Page) Choose(selector string, paths ...string) {
	p.b.t.Helper()
	var got struct{ Result struct{ ObjectID string } }
	p.Call("Runtime.evaluate", map[string]any{"expression": fmt.Sprintf("document.querySelector(%q)", selector)}, &got)
	p.Call("DOM.setFileInputFiles", map[string]any{"files": paths, "objectId": got.Result.ObjectID}, nil)
}

// Drag moves files over an element, and drops them there if drop is set.
func (p *Page) Drag(selector string, drop bool, paths ...string) {
	p.b.t.Helper()
	x, y := p.place(selector)
	kinds := []string{"dragEnter", "dragOver"}
	if drop {
		kinds = append(kinds, "drop")
	}
	for _, kind := range kinds {
		p.Call("Input.dispatchDragEvent", map[string]any{"type": kind, "x": x, "y": y,
			"data": map[string]any{"items": []any{}, "files": paths, "dragOperationsMask": 1}}, nil)
	}
}

// SaveTo is the folder in which the window saves files.
func (p *Page) SaveTo(folder string) {
	p.b.t.Helper()
	p.Call("Page.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": folder}, nil)
}

// Saved waits until the window has saved a file of this name, and returns what is in it. A
// browser writes under another name until all has come.
func (p *Page) Saved(folder, name string, deadline time.Duration) []byte {
	p.b.t.Helper()
	for until := time.Now().Add(deadline); ; {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			return b
		}
		if time.Now().After(until) {
			p.fail(fmt.Sprintf("nothing was saved as %s within %v: %v", name, deadline, err))
		}
		p.Eval(`new Promise(done => setTimeout(done, 20))`, nil)
	}
}
