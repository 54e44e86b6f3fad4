package browser_test

import (
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/internal/browser"
)

const page = `<!DOCTYPE html><html lang=en><title>drive</title>
<input id=in aria-label=text><button id=late disabled>late</button><p id=said></p>
<script src=page.js></script>`

const script = `
const said = document.querySelector("#said")
document.querySelector("#late").onclick = () => { said.textContent = document.querySelector("#in").value }
document.querySelector("#in").onkeydown = e => {
	if (e.key === "Enter") setTimeout(() => { document.querySelector("#late").disabled = false }, 50)
}
fetch("not-there")
setTimeout(() => { throw new Error("thrown on purpose") })`

// TestDrive: what a test does with a page reaches it as from a person's hands, and
// what the page does, and complains of, reaches the test.
func TestDrive(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(page))
		case "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(script))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	b := browser.Start(t)
	dark := browser.Phone
	dark.Dark = true
	p := b.Open("phone", dark)
	p.Navigate(server.URL)
	p.Type("#in", "γειά")
	p.Press("Enter")
	p.Click("#late") // not before it is enabled
	p.WaitFor(`document.querySelector("#said").textContent == "γειά"`, 5*time.Second)

	var seen struct {
		Width int
		Dark  bool
	}
	p.Eval(`({width: innerWidth, dark: matchMedia("(prefers-color-scheme: dark)").matches})`, &seen)
	if seen.Width < 360 || !seen.Dark {
		t.Errorf("the page sees %+v", seen)
	}
	file, err := os.Open(p.Screenshot("done"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := picture.Bounds().Dx(); got != 720 {
		t.Errorf("the picture is %d wide, want two pixels for each of 360", got)
	}
	complaints := strings.Join(p.Complaints(), "\n")
	for _, want := range []string{"not-there", "thrown on purpose"} {
		if !strings.Contains(complaints, want) {
			t.Errorf("no complaint about %q in:\n%s", want, complaints)
		}
	}

	other := b.Open("desk", browser.Desktop)
	other.Navigate(server.URL)
	p.Eval(`void (document.cookie = "mine=1")`, nil)
	var cookie string
	if other.Eval(`document.cookie`, &cookie); cookie != "" {
		t.Errorf("the windows share cookies: %q", cookie)
	}
}
