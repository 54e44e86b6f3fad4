package browser

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Look is the size of a window and how its user likes pages.
type Look struct {
	Width, Height int // in CSS pixels
	Dark          bool
	Still         bool // prefers reduced motion
	Touch         bool // a phone: touch, and two device pixels for each of CSS
}

// Looks that the page must be good at.
var (
	Desktop = Look{Width: 1280, Height: 800}
	Phone   = Look{Width: 360, Height: 740, Touch: true}
)

// Page is one window with cookies and storage of its own.
type Page struct {
	b          *Browser
	name       string
	session    string
	complaints []string // guarded by b.mu
}

// Open opens an empty window. The name stands in the names of its pictures.
func (b *Browser) Open(name string, look Look) *Page {
	b.t.Helper()
	var context struct{ BrowserContextID string }
	b.must("", "Target.createBrowserContext", nil, &context)
	var target struct{ TargetID string }
	b.must("", "Target.createTarget", map[string]any{
		"url": "about:blank", "browserContextId": context.BrowserContextID, "newWindow": true}, &target)
	var attached struct{ SessionID string }
	b.must("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p := &Page{b: b, name: name, session: attached.SessionID}
	b.mu.Lock()
	b.sessions[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		p.Call(domain+".enable", nil, nil)
	}
	// Each window believes that its user looks at it.
	p.Call("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	p.Look(look)
	return p
}

func (b *Browser) must(session, method string, params, out any) {
	b.t.Helper()
	result, err := b.call(session, method, params)
	if err == nil && out != nil {
		err = json.Unmarshal(result, out)
	}
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// Call gives any command of the DevTools protocol to the page. params and out may
// be nil; both are as in encoding/json.
func (p *Page) Call(method string, params, out any) {
	p.b.t.Helper()
	p.b.must(p.session, method, params, out)
}

// Look changes the window.
func (p *Page) Look(l Look) {
	p.b.t.Helper()
	scale := 1
	if l.Touch {
		scale = 2
	}
	p.Call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": l.Width, "height": l.Height, "deviceScaleFactor": scale, "mobile": l.Touch}, nil)
	p.Call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": l.Touch}, nil)
	scheme, motion := "light", "no-preference"
	if l.Dark {
		scheme = "dark"
	}
	if l.Still {
		motion = "reduce"
	}
	p.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}}}, nil)
}

// Navigate opens an address and waits until the document has been read.
func (p *Page) Navigate(url string) {
	p.b.t.Helper()
	var got struct{ ErrorText string }
	p.Call("Page.navigate", map[string]any{"url": url}, &got)
	if got.ErrorText != "" {
		p.b.t.Fatalf("browser: %s: opening %s: %s", p.name, url, got.ErrorText)
	}
	p.WaitFor(`document.readyState == "complete"`, patience)
}

// Eval runs a JavaScript expression, waits for it if it is a promise, and stores its
// value in out (as in encoding/json), unless that is nil.
func (p *Page) Eval(expression string, out any) {
	p.b.t.Helper()
	if err := p.eval(expression, out); err != nil {
		p.fail(err.Error())
	}
}

func (p *Page) eval(expression string, out any) error {
	result, err := p.b.call(p.session, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true})
	if err != nil {
		return err
	}
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := json.Unmarshal(result, &got); err != nil {
		return err
	}
	if e := got.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if out == nil || len(got.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(got.Result.Value, out)
}

// WaitFor waits until an expression is true. The page itself looks each time that
// it has drawn, so nothing is missed for longer. An expression that cannot be
// computed yet is not true yet.
func (p *Page) WaitFor(expression string, deadline time.Duration) {
	p.b.t.Helper()
	until := time.Now().Add(deadline)
	for {
		left := time.Until(until)
		var is bool
		// A navigation ends the promise; then it is asked again in the new document.
		_ = p.eval(fmt.Sprintf(`new Promise(done => {
			const until = performance.now() + %d
			const look = () => {
				let is = false
				try { is = Boolean(%s) } catch {}
				if (is || performance.now() > until) done(is)
				else setTimeout(look, 15)
			}
			look()
		})`, min(left, patience/2).Milliseconds(), expression), &is)
		if is {
			return
		}
		if time.Now().After(until) {
			p.fail(fmt.Sprintf("waited %v in vain for: %s", deadline, expression))
		}
	}
}

// Complaints returns what the page has complained of so far: exceptions, failed
// requests, breaches of its content security policy, console.error.
func (p *Page) Complaints() []string {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return slices.Clone(p.complaints)
}

// Screenshot writes what the window shows to out/TEST-PAGE-NAME.png and returns the
// path.
func (p *Page) Screenshot(name string) string {
	p.b.t.Helper()
	path, err := p.screenshot(name)
	if err != nil {
		p.b.t.Fatalf("browser: %v", err)
	}
	return path
}

func (p *Page) screenshot(name string) (string, error) {
	result, err := p.b.call(p.session, "Page.captureScreenshot", map[string]any{"format": "png"})
	if err != nil {
		return "", err
	}
	var got struct{ Data string }
	if err := json.Unmarshal(result, &got); err != nil {
		return "", err
	}
	picture, err := base64.StdEncoding.DecodeString(got.Data)
	if err != nil {
		return "", err
	}
	file := strings.NewReplacer("/", "-", " ", "-", ":", "-").Replace(p.b.t.Name() + "-" + p.name + "-" + name + ".png")
	path := filepath.Join(p.b.out, file)
	if err := os.MkdirAll(p.b.out, 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, picture, 0o644)
}

// fail ends the test with what the page shows and has complained of.
func (p *Page) fail(what string) {
	p.b.t.Helper()
	picture, err := p.screenshot("failed")
	if err != nil {
		picture = err.Error()
	}
	var text string
	_ = p.eval(`document.body.innerText.slice(0, 2000)`, &text)
	p.b.t.Fatalf("browser: %s: %s\npicture: %s\ncomplaints: %q\ntext:\n%s", p.name, what, picture, p.Complaints(), text)
}
