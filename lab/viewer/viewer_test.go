package viewer_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/viewer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves the viewer, and returns its address.
func start(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = viewer.New(server.Listener.Addr().String(), lab.Tempest{Seed: 3, Nodes: 6, Rage: 20 * time.Second, Leaf: 8})
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

const quick = "seeds=3&nodes=6&rage=20s&leaf=8"

// TestStormIsTold: what is told of a storm is what happens in it, and what the nodes
// knew at a moment fits to it.
func TestStormIsTold(t *testing.T) {
	url := start(t)
	answer, body := get(t, url+"/v1/storm?"+quick)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, body)
	}
	var lines []string
	kinds, ids, last := map[string]int{}, map[int]string{}, int64(0)
	over := false
	for scan := bufio.NewScanner(strings.NewReader(body)); scan.Scan(); {
		var e struct {
			T           int64
			E, ID, Text string
			N           int
			Wrong       []string
		}
		if err := json.Unmarshal(scan.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", scan.Text(), err)
		}
		if over = e.E == "end"; over {
			break
		}
		if e.T < last {
			t.Errorf("an event at %d µs comes after one at %d µs", e.T, last)
		}
		last = e.T
		kinds[e.E]++
		switch e.E {
		case "node":
			ids[e.N] = e.ID
		case "line":
			lines = append(lines, e.Text)
		}
	}
	if !over || len(ids) != 6 || kinds["hop"] < 40 || kinds["reply"] < 40 || kinds["claims"] < 6 || kinds["life"] < 6 {
		t.Errorf("told were %v, over: %v", kinds, over)
	}
	storm := lab.Tempest{Seed: 3, Nodes: 6, Rage: 20 * time.Second, Leaf: 8}
	for i, line := range storm.Transcribe() {
		if _, text, _ := strings.Cut(line, " s  "); text != lines[i] {
			t.Fatalf("line %d is %q, the transcript has %q", i, lines[i], text)
		}
	}
	_, body = get(t, fmt.Sprintf("%s/v1/look?at=%d&%s", url, last, quick)) // the calm after the storm
	var nodes []struct {
		N           int
		Runs, Ready bool
		Left, Right []string
		Table       []struct {
			Row, Col int
			ID       string
		}
	}
	if err := json.Unmarshal([]byte(body), &nodes); err != nil || len(nodes) != 6 {
		t.Fatalf("%d nodes: %v: %s", len(nodes), err, body)
	}
	ready := 0
	for _, n := range nodes {
		if n.Ready {
			ready++
		}
		for _, id := range append(n.Left, n.Right...) {
			if id == ids[n.N] || id == "" {
				t.Errorf("node %d has %q in its leaf set", n.N, id)
			}
		}
		if n.Ready && len(n.Table) == 0 {
			t.Errorf("node %d has an empty table", n.N)
		}
	}
	if ready != 6 {
		t.Errorf("%d nodes of 6 are ready", ready)
	}
}

// TestRefused: requests that are wrong, and those of others.
func TestRefused(t *testing.T) {
	url := start(t)
	for path, want := range map[string]string{
		"/v1/storm?nodes=1":                      "1 nodes: a storm strikes",
		"/v1/storm?nodes=65":                     "65 nodes: up to 64 can be shown",
		"/v1/storm?nodes=99999999999999999":      "1001 nodes",
		"/v1/storm?nodes=x&seeds=-1":             `--nodes "x": write one number`,
		"/v1/storm?rage=11m":                     "11m0s: up to 10m0s",
		"/v1/storm?rage=long":                    `--rage "long": write a time`,
		"/v1/storm?leaf=7":                       "leaf sets of 7",
		"/v1/storm?without=rain":                 "no kind of fault",
		"/v1/look?at=":                           `at "": write the microseconds`,
		"/v1/look?at=-1":                         `at "-1": write the microseconds`,
		"/v1/look?at=99999999999999999999&leaf=": `write the microseconds`,
	} {
		if answer, body := get(t, url+path); answer.StatusCode != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %s %q, want %q", path, answer.Status, body, want)
		}
	}
	for _, c := range []struct {
		path, header, value string
		status              int
	}{
		{"/", "Host", "evil.example", http.StatusMisdirectedRequest},
		{"/v1/kinds", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		{"/v1/kinds", "Sec-Fetch-Site", "same-origin", http.StatusOK},
		{"/ui/index.html", "Accept", "*/*", http.StatusNotFound},
		{"/none", "Accept", "*/*", http.StatusNotFound},
		{"/ui/js/ring.js", "Accept", "*/*", http.StatusOK},
	} {
		answer, _ := get(t, url+c.path, c.header, c.value)
		if answer.StatusCode != c.status {
			t.Errorf("%s with %s %s: %s, want %d", c.path, c.header, c.value, answer.Status, c.status)
		}
		if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: policy %q", c.path, policy)
		}
	}
}

// FuzzParse: no address of a moment brings the server down, and what it takes can be
// shown, and is written as it was read.
func FuzzParse(f *testing.F) {
	f.Add("7", "16", "2m", "8", "drop,crash")
	f.Add("", "", "", "", "")
	f.Add("-1", "1e9", "-2h", "7", ",")
	f.Fuzz(func(t *testing.T, seeds, nodes, rage, leaf, without string) {
		words := map[string]string{"seeds": seeds, "nodes": nodes, "rage": rage, "leaf": leaf, "without": without}
		storm, err := viewer.Parse(func(name string) string { return words[name] })
		if err == nil && viewer.Check(storm) != nil {
			t.Errorf("%v was taken: %v", storm, viewer.Check(storm))
		}
	})
}
