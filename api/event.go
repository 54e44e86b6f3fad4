package api

import "time"

// Kinds of events.
const (
	EventBegin       = "begin"        // the first one: whatever happens from now on comes
	EventMessage     = "message"      // one was received: User, Message
	EventState       = "state"        // one that User has sent has another state: Message
	EventRequest     = "request"      // a stranger asks to be accepted: User, Contact
	EventPresence    = "presence"     // a contact came or went: User, Contact
	EventContact     = "contact"      // something else about a person changed: User, Contact
	EventKeyChanged  = "key-changed"  // the directory gives another key for a name: User, Contact
	EventRing        = "ring"         // the picture has changed: ask for it again
	EventTrace       = "trace"        // a message was traced: Trace
	EventTraffic     = "traffic"      // once a second while somebody follows: Traffic
	EventJoinRequest = "join-request" // a node on the local network asks to be let in: Name
	EventUser        = "user"         // the record or name of a user of this node changed: User
	EventRivals      = "rivals"       // another part of the ring had put a value under a key of the table, too: Name
	EventRoom        = "room"         // something was said or changed in a room of User, or he is invited to one: Room
	EventReceipt     = "receipt"      // it is known of somebody in a room of User what he has received and read: Room
	EventLost        = "lost"         // this follower was too slow: Lost events were dropped
)

// Event is something that happened. Of its fields those are set that its kind
// names.
type Event struct {
	Kind    string    `json:"kind"`
	Time    time.Time `json:"time"`
	User    string    `json:"user,omitempty"` // the user of this node whom it concerns
	Name    string    `json:"name,omitempty"`
	Message *Message  `json:"message,omitempty"`
	Contact *Contact  `json:"contact,omitempty"`
	Trace   *Trace    `json:"trace,omitempty"`
	Traffic *Traffic  `json:"traffic,omitempty"`
	Room    string    `json:"room,omitempty"` // its id
	Lost    int       `json:"lost,omitempty"`
}
