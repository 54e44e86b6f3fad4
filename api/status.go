package api

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// States of a node.
const (
	StateStarting = "starting" // not in the ring yet
	StateJoining  = "joining"  // finding its place in it
	StateReady    = "ready"    // in the ring, claims its keys
	StateStopping = "stopping"
)

// Status is how a node is.
type Status struct {
	ID           id.ID    `json:"id"`
	State        string   `json:"state"` // StateReady …
	Ring         id.Hash  `json:"ring,omitzero"`
	LeafSet      []Peer   `json:"leafset"`       // nearest on the ring first
	TableEntries int      `json:"table_entries"` // of the routing table
	Connections  int      `json:"connections"`   // that stand now
	Users        []string `json:"users"`         // names of the people who live here
	Queued       int      `json:"queued"`        // messages that wait for their receivers, of all users
	RSSBytes     uint64   `json:"rss_bytes"`     // memory of the process

	RingName string    `json:"ring_name,omitempty"` // as its founder called it
	Size     int       `json:"ring_size"`           // estimate of the number of nodes in the ring
	Admitter bool      `json:"admitter"`            // this node may invite
	Addrs    []string  `json:"addrs"`               // where others reach it, best first
	Reach    Reach     `json:"reach"`
	Traffic  Traffic   `json:"traffic"`
	UI       string    `json:"ui,omitempty"` // address of the page; empty: off
	S3       string    `json:"s3,omitempty"` // address of the door for S3; empty: off
	WebDAV   string    `json:"webdav,omitempty"`
	Control  string    `json:"control"` // path of the control socket
	Home     string    `json:"home"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Demo     bool      `json:"demo,omitempty"` // Kill and AddNode are offered
	Keeps    Keeping   `json:"keeps"`
	Mine     *Copies   `json:"mine,omitempty"` // absent: not counted yet, or nobody lives here
}

// Copies is how the objects stand that the users of a node have stored: the parts of their
// files, all versions, and the directories of their spaces.
type Copies struct {
	Objects  int       `json:"objects"`
	Whole    int       `json:"whole"`     // of these: as many copies as are wanted
	OnlyHere int       `json:"only_here"` // of these: no copy on another node than this one
	Missing  int       `json:"missing"`   // of these: no copy on any node that answers
	Counted  time.Time `json:"counted"`
	Trouble  string    `json:"trouble,omitempty"` // why something could not be counted
}

// Keeping is how that stands which a node keeps for its ring. Within a week all of it is read
// again and hashed anew, as disks change bits in silence.
type Keeping struct {
	Bytes   int64     `json:"bytes"` // of content, its own users' among it
	Objects int       `json:"objects"`
	Read    time.Time `json:"read,omitzero"`    // when all had been read again last; absent: not yet
	Reading time.Time `json:"reading,omitzero"` // since when the pass under way lasts; absent: none is
	// Damaged objects were found since the start of the node. Repaired ones were fetched anew from
	// other nodes, and Lost ones are still to be, also from earlier runs.
	Damaged  uint64 `json:"damaged"`
	Repaired uint64 `json:"repaired"`
	Lost     int    `json:"lost"`
}

// Peer is a node and where it is reached.
type Peer struct {
	ID   id.ID  `json:"id"`
	Addr string `json:"addr"`
}

// Reach says whether a node can be reached from outside.
type Reach struct {
	// Kind is "public", "private" (behind a router or firewall), "relayed" (the same,
	// but other nodes relay for it), "loopback" or "unknown".
	Kind     string  `json:"kind"`
	Sentence string  `json:"sentence"`         // the same for people, with what helps
	Relays   []id.ID `json:"relays,omitempty"` // the nodes that relay for this one
}

// Traffic is what a node costs.
type Traffic struct {
	BytesIn  uint64 `json:"bytes_in"` // since its start
	BytesOut uint64 `json:"bytes_out"`
	RateIn   uint64 `json:"rate_in"` // bytes a second, over the last seconds
	RateOut  uint64 `json:"rate_out"`
	// RSSBytes and Connections are as in Status, for the meter of the page.
	RSSBytes    uint64 `json:"rss_bytes"`
	Connections int    `json:"connections"`
}

// Ready is the one line that "phyllo up --json" prints.
type Ready struct {
	Event   string   `json:"event"` // "ready"
	ID      id.ID    `json:"id"`
	Addrs   []string `json:"addrs"`
	Ring    id.Hash  `json:"ring"`
	UI      string   `json:"ui"`
	Control string   `json:"control"`
}

// Ready returns the line that says that this node is up.
func (s *Status) Ready() Ready {
	return Ready{Event: "ready", ID: s.ID, Addrs: s.Addrs, Ring: s.Ring, UI: s.UI, Control: s.Control}
}

// Verdicts of a Finding.
const (
	Good = "good"
	Warn = "warn" // works, but could be better
	Bad  = "bad"  // something does not work
)

// Finding is one thing that Doctor looked at.
type Finding struct {
	About    string `json:"about"`    // "ports", "NAT", "clock" …
	Verdict  string `json:"verdict"`  // Good, Warn or Bad
	Sentence string `json:"sentence"` // what was found, and what helps
}

// Metric is one number that a node counts or measures, in the terms of Prometheus.
type Metric struct {
	Name    string            `json:"name"` // "phyllo_frames_total"
	Help    string            `json:"help"`
	Counter bool              `json:"counter,omitempty"` // it only grows; else it is a gauge
	Labels  map[string]string `json:"labels,omitempty"`
	Value   float64           `json:"value"`
}

// The counter of refused input from outside, by kind: each edge counts under the
// same name and help, with the one label "kind".
const (
	BadInputMetric = "phyllo_bad_input_total"
	BadInputHelp   = "Input from outside that was refused, by kind."
)
