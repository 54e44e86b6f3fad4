package api

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// States of a message that a user of this node has sent.
const (
	StateQueued    = "queued"    // durable in this node's outbox
	StateDelivered = "delivered" // durable at one of the receiver's nodes
	StateRead      = "read"      // a program of the receiver has shown it
	StateFailed    = "failed"    // it will not be delivered
)

// Draft is a message to send.
type Draft struct {
	From string `json:"from,omitempty"` // empty: the only user
	To   string `json:"to"`
	Text string `json:"text"` // at most 32 KiB of UTF-8
	// File is a stored file (FilePut) that goes with the message: behind the text come its name,
	// its size and a link as FileShare makes it. Text may be empty then.
	File *FileName `json:"file,omitempty"`
	// Wait is how long to wait for the delivery, in milliseconds; at most 10
	// minutes, 0: not at all.
	Wait int64 `json:"wait_ms,omitempty"`
}

// Sent is what became of a draft.
type Sent struct {
	ID     id.ID  `json:"id"`
	To     string `json:"to"`
	State  string `json:"state"`            // StateQueued …
	Reason string `json:"reason,omitempty"` // why it failed
}

// Message is one message of a user's history.
type Message struct {
	ID   id.ID  `json:"id"`
	From string `json:"from"` // a name, or a fingerprint if no name is proven
	To   string `json:"to"`
	Text string `json:"text"`
	// SentAt is by the sender's clock, ReceivedAt by this node's.
	SentAt     time.Time `json:"sent_at"`
	ReceivedAt time.Time `json:"received_at,omitzero"`

	// Claimed is the name that an unproven sender gives himself.
	Claimed string `json:"claimed,omitempty"`
	// Request: it is from somebody who waits to be accepted.
	Request bool `json:"request,omitempty"`
	// Mine: the user sent it. State, DeliveredAt and Reason are those of Mine.
	Mine        bool      `json:"mine,omitempty"`
	State       string    `json:"state,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	ReadAt      time.Time `json:"read_at,omitzero"` // by the other side if Mine, else by the user
}

// InboxQuery chooses received messages.
type InboxQuery struct {
	User   string `json:"user,omitempty"` // empty: the only user
	Unread bool   `json:"unread,omitempty"`
	// Since leaves out this message and all that came before it.
	Since id.ID `json:"since,omitzero"`
	// Limit is the largest number of them: 1 to 1,000, which 0 means too. With
	// Unread or Since these are the oldest, so that asking again from the last one
	// goes on; otherwise the newest.
	Limit int `json:"limit,omitempty"`
}

// ConversationQuery chooses messages exchanged with a person.
type ConversationQuery struct {
	User  string `json:"user,omitempty"`
	With  string `json:"with"`            // a name or a fingerprint
	Since id.ID  `json:"since,omitzero"`  // leaves out this one and what was before
	Limit int    `json:"limit,omitempty"` // the newest ones; 0: 1,000
}

// Conversation is somebody with whom messages were exchanged.
type Conversation struct {
	With   string  `json:"with"`
	Last   Message `json:"last"`
	Unread int     `json:"unread"`
}
