package viewer

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

// event is a lab.Event as the page reads it.
type event struct {
	Time  int64         `json:"t"` // microseconds
	Kind  lab.EventKind `json:"e"`
	Node  int           `json:"n"`
	With  int           `json:"w"`
	ID    string        `json:"id,omitempty"`
	Place *[2]float64   `json:"at,omitempty"`
	Num   string        `json:"num,omitempty"`
	Delay int64         `json:"d,omitempty"` // microseconds
	Yes   bool          `json:"yes,omitempty"`
	Text  string        `json:"text,omitempty"`
}

// end is the last line.
type end struct {
	Kind  string   `json:"e"`
	Wrong []string `json:"wrong"`
	Flags string   `json:"flags"`
}

func told(e lab.Event) event {
	out := event{Time: e.Time.Microseconds(), Kind: e.Kind, Node: e.Node, With: e.With, Delay: e.Delay.Microseconds(), Yes: e.Yes, Text: e.Text}
	if e.Kind == lab.Joined {
		out.ID, out.Place = e.ID.String(), &e.Place
	}
	if e.Num != 0 {
		out.Num = strconv.FormatUint(e.Num, 36)
	}
	return out
}

// batch is how many lines go together.
const batch = 500

// storm runs a storm and tells what happens in it.
func (v *Viewer) storm(w http.ResponseWriter, r *http.Request) {
	t, ok := asked(w, r)
	if !ok {
		return
	}
	done := v.turn(r)
	if done == nil {
		return
	}
	defer done()
	w.Header().Set("Content-Type", "application/x-ndjson")
	buffer := bufio.NewWriter(w)
	lines, flush := json.NewEncoder(buffer), http.NewResponseController(w)
	count := 0
	write := func(line any) {
		_ = lines.Encode(line) // who asked may have gone; the storm ends soon
		if count++; count%batch == 0 {
			buffer.Flush()
			_ = flush.Flush()
		}
	}
	wrong := t.Record(func(e lab.Event) { write(told(e)) })
	if wrong == nil {
		wrong = []string{}
	}
	write(end{"end", wrong, t.String()})
	buffer.Flush()
}

// node is what a node knew, as the page reads it.
type node struct {
	Node  int      `json:"n"`
	Runs  bool     `json:"runs"`
	Ready bool     `json:"ready"`
	Left  []string `json:"left"`  // the leaf set, nearest first
	Right []string `json:"right"` // the other side
	Table []entry  `json:"table"`
	Held  int      `json:"held"` // messages that wait for a lease
	Size  float64  `json:"size"` // of the ring, as it estimates
}

// entry is one of the routing table.
type entry struct {
	Row int    `json:"row"`
	Col int    `json:"col"`
	ID  string `json:"id"`
	RTT uint32 `json:"rtt"` // microseconds; 0: not measured
}

// look tells what each node knew at a moment.
func (v *Viewer) look(w http.ResponseWriter, r *http.Request) {
	t, ok := asked(w, r)
	if !ok {
		return
	}
	text := r.URL.Query().Get("at")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil || at < 0 || at > int64(24*time.Hour/time.Microsecond) {
		http.Error(w, "at "+strconv.Quote(text)+": write the microseconds since the start", http.StatusBadRequest)
		return
	}
	done := v.turn(r)
	if done == nil {
		return
	}
	defer done()
	nodes := []node{}
	for _, s := range t.Look(time.Duration(at) * time.Microsecond) {
		nodes = append(nodes, known(s))
	}
	answer(w, nodes)
}

// known turns what is seen of a node into what the page reads.
func known(s lab.Sight) node {
	n := node{Node: s.Node, Left: []string{}, Right: []string{}, Table: []entry{}}
	if s.View == nil {
		return n
	}
	n.Runs, n.Ready, n.Held, n.Size = true, s.View.Ready, s.View.Held, s.View.Size
	for _, h := range s.View.Left {
		n.Left = append(n.Left, h.ID.String())
	}
	for _, h := range s.View.Right {
		n.Right = append(n.Right, h.ID.String())
	}
	for _, e := range s.View.Table {
		n.Table = append(n.Table, entry{e.Row, e.Col, e.Node.ID.String(), e.RTT})
	}
	return n
}

// Address is the page's address for a storm, below root ("http://127.0.0.1:7170").
func Address(root string, t lab.Tempest) string { return root + "/#" + fragment(t) }

func fragment(t lab.Tempest) string {
	text := "seeds=" + strconv.FormatUint(t.Seed, 10) + "&nodes=" + strconv.Itoa(t.Nodes) + "&rage=" + t.Rage.String()
	if t.Leaf != 0 {
		text += "&leaf=" + strconv.Itoa(t.Leaf)
	}
	if t.ForGood {
		text += "&for-good=true"
	}
	if len(t.Calm) > 0 {
		text += "&without=" + strings.Join(t.Calm, ",")
	}
	return text
}
