package viewer

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/ui"
)

//go:embed page
var page embed.FS

// Limits of what is shown: the larger ones can be run, but nobody sees anything in them.
const (
	MaxNodes = 64
	MaxRage  = 10 * time.Minute
)

// policy lets the page load what this server gives, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Viewer is the server. It runs one storm at a time; further ones wait.
type Viewer struct {
	host  string
	turns chan struct{}
	mux   *http.ServeMux
}

// New makes a server that answers at the address host ("127.0.0.1:7170") alone. first is the storm that
// the page shows where its address says none.
func New(host string, first lab.Tempest) *Viewer {
	v := &Viewer{host: host, turns: make(chan struct{}, 1), mux: http.NewServeMux()}
	own, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	v.mux.Handle("GET /", http.FileServerFS(own))
	v.mux.Handle("GET /ui/", http.StripPrefix("/ui", http.FileServerFS(ui.Files)))
	v.mux.HandleFunc("GET /v1/storm", v.storm)
	v.mux.HandleFunc("GET /v1/look", v.look)
	v.mux.HandleFunc("GET /v1/first", func(w http.ResponseWriter, _ *http.Request) { answer(w, fragment(first)) })
	v.mux.HandleFunc("GET /v1/kinds", func(w http.ResponseWriter, _ *http.Request) { answer(w, lab.FaultKinds()) })
	return v
}

// ServeHTTP implements http.Handler.
func (v *Viewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
		"Cache-Control": "no-cache",
	} {
		w.Header().Set(name, value)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch {
	case r.Host != v.host:
		http.Error(w, "This is not the address of this page.", http.StatusMisdirectedRequest)
	case strings.HasPrefix(r.URL.Path, "/v1/") && site != "" && site != "same-origin" && site != "none":
		http.Error(w, "The request comes from another site.", http.StatusForbidden)
	case strings.HasPrefix(r.URL.Path, "/ui/") && path.Ext(r.URL.Path) == ".html":
		http.NotFound(w, r) // the node's page is not shown here
	default:
		v.mux.ServeHTTP(w, r)
	}
}

// turn waits until no other storm runs. It returns what ends the turn, nil if who asked
// went away.
func (v *Viewer) turn(r *http.Request) func() {
	select {
	case v.turns <- struct{}{}:
		return func() { <-v.turns }
	case <-r.Context().Done():
		return nil
	}
}

// asked reads the storm from a request, and refuses a wrong one.
func asked(w http.ResponseWriter, r *http.Request) (lab.Tempest, bool) {
	t, err := Parse(r.URL.Query().Get)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return t, false
	}
	return t, true
}

// Parse reads a storm as the address of a moment has it: get returns the value of one of
// seeds, nodes, rage, leaf, for-good ("true") and without, "" for the usual one.
func Parse(get func(string) string) (lab.Tempest, error) {
	t := lab.Tempest{Seed: 1, Nodes: 16, Rage: 2 * time.Minute}
	var bad []error
	number := func(name string, set func(uint64)) {
		if text := get(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				bad = append(bad, fmt.Errorf("--%s %q: write one number", name, text))
			}
			set(n)
		}
	}
	number("seeds", func(n uint64) { t.Seed = n })
	number("nodes", func(n uint64) { t.Nodes = int(min(n, lab.MaxStorm+1)) })
	number("leaf", func(n uint64) { t.Leaf = int(min(n, 1000)) })
	if text := get("rage"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			bad = append(bad, fmt.Errorf("--rage %q: write a time as 90s or 2m", text))
		}
		t.Rage = d
	}
	t.ForGood = get("for-good") == "true"
	if text := get("without"); text != "" {
		t.Calm = strings.Split(text, ",")
	}
	if len(bad) > 0 {
		return t, errors.Join(bad...)
	}
	return t, Check(t)
}

// Check returns why a storm cannot be shown, or nil.
func Check(t lab.Tempest) error {
	switch err := t.Check(); {
	case err != nil:
		return err
	case t.Nodes > MaxNodes:
		return fmt.Errorf("%d nodes: up to %d can be shown", t.Nodes, MaxNodes)
	case t.Rage > MaxRage:
		return fmt.Errorf("%v: up to %v can be shown", t.Rage, MaxRage)
	}
	return nil
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // who asked may have gone
}
