package api

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// InviteRequest says what an invitation shall allow. Zero values mean the defaults:
// one use, a day.
type InviteRequest struct {
	Uses    int   `json:"uses,omitempty"`      // 1 to 1,000
	Expires int64 `json:"expires_s,omitempty"` // seconds from now, at most 90 days
}

// Invitation is a line by which another node may join.
type Invitation struct {
	Invite  string    `json:"invite"` // phyllo1…
	Uses    int       `json:"uses"`
	Expires time.Time `json:"expires"`
	// QR is the line as a QR code, without the quiet margin: its rows from the top,
	// each a text of "1" (dark) and "0". Absent: none was made.
	QR []string `json:"qr,omitempty"`
}

// Joined says which ring was entered.
type Joined struct {
	ID       id.ID   `json:"id"` // this node's place in it
	Ring     id.Hash `json:"ring"`
	RingName string  `json:"ring_name,omitempty"`
	Size     int     `json:"ring_size"` // estimate of the number of nodes
}

// LanRing is a ring with a node on the local network.
type LanRing struct {
	Name  string  `json:"name"`
	Ring  id.Hash `json:"ring"`
	Nodes int     `json:"nodes"` // of it that were seen here
}

// LanCode is what two people compare before a node is let in.
type LanCode struct {
	Code     string    `json:"code"` // six digits
	RingName string    `json:"ring_name"`
	Ring     id.Hash   `json:"ring"`
	Until    time.Time `json:"until"` // it ends then
}

// Member is a node that has, or had, a certificate of the ring.
type Member struct {
	ID         id.ID     `json:"id"`
	Self       bool      `json:"self,omitempty"`
	Admitter   bool      `json:"admitter,omitempty"`
	Authority  bool      `json:"authority,omitempty"` // holds the ring's key, as far as is known
	AdmittedBy string    `json:"admitted_by"`         // an admitter's nodeId, or "authority"
	Until      time.Time `json:"until,omitzero"`      // end of its certificate
	Expelled   time.Time `json:"expelled,omitzero"`   // since when; zero: it is not
	Connected  bool      `json:"connected,omitempty"` // to this node, now
	Addr       string    `json:"addr,omitempty"`      // where it was seen last
	Waiting    bool      `json:"waiting,omitempty"`   // its expulsion waits for a second admitter
}

// Sealed is something secret under a passphrase, as text for a file.
type Sealed struct {
	Text string `json:"text"`
}
