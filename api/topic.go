package api

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// Topics is what programs publish, and who reads it. A topic is the whole ring's, as news,
// which belongs to who has published to it first, or a person's, as ann/news.
type Topics interface {
	// Publish publishes messages from r, until it ends: one, or one for each line (see
	// Publication). It returns when all of them are safe on a majority of the nodes that keep
	// the topic; otherwise the error says how many are. Denied, NotFound, Usage.
	Publish(ctx context.Context, q Publication, r io.Reader) (*Published, error)
	// Subscribe calls f with what is published, one event at a time, beginning with
	// TopicBegin, or with TopicWaiting while there is no such topic yet; until the context
	// ends (its error), f returns an error (that one), or the node stops (nil). If f is too
	// slow, TopicSlow says in its place how many messages were left out. Denied, Usage.
	Subscribe(ctx context.Context, q Subscription, f func(*TopicEvent) error) error
	// TopicSet makes a topic, or changes who may publish and read. Denied if it belongs to
	// somebody else.
	TopicSet(ctx context.Context, q TopicRules) (*Topic, error)
	// TopicList lists the topics that this node has to do with.
	TopicList(ctx context.Context) ([]Topic, error)
	// TopicBench publishes to a topic for a while and measures how long the messages take. It
	// makes one of the ring if there is none. Denied, Usage.
	TopicBench(ctx context.Context, q TopicTrial) (*TopicMeasured, error)
	// TopicTree says which nodes hand a topic on to which. NotFound.
	TopicTree(ctx context.Context, name string) (*TopicTree, error)
}

// MaxTopicMessage is the largest message of a topic, in bytes.
const MaxTopicMessage = 32<<10 - 1

// Publication says where is published, and how messages are cut.
type Publication struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"` // who publishes; empty: the only user, or the node if nobody lives on it
	// Lines makes a message of each line, without its end; otherwise all that is read is one.
	Lines bool `json:"lines,omitempty"`
}

// Published is what was published.
type Published struct {
	Topic    string `json:"topic"`
	Messages int    `json:"messages"` // that are safe
}

// Subscription says what is read.
type Subscription struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"` // who reads; empty: the only user, or anybody
	// Since asks for the messages of so many milliseconds before, and Last for so many at
	// most; both are bounded by what the topic keeps. 0 for both: only what comes.
	Since int64 `json:"since_ms,omitempty"`
	Last  int   `json:"last,omitempty"`
}

// Kinds of TopicEvent.
const (
	TopicWaiting = "waiting" // there is no such topic yet
	TopicBegin   = "begin"   // from now on nothing is missed; what history was asked for follows
	TopicMessage = "message"
	TopicGap     = "gap"   // Lost messages of From cannot be had any more
	TopicSlow    = "slow"  // Lost messages came while the reader was too slow
	TopicNewer   = "newer" // a message that a later version of phyllo can read
	TopicEnded   = "ended" // the owner lets this reader read no longer; the stream ends
)

// TopicEvent is what happens in a topic.
type TopicEvent struct {
	Event string    `json:"event"`
	Topic string    `json:"topic"`
	Time  time.Time `json:"time"` // of a message by its publisher's clock, else when it happened
	// From is the fingerprint of the publisher's key, Name his name if this node knows it.
	From string `json:"from,omitempty"`
	Name string `json:"name,omitempty"`
	// Life and Seq number the messages of a publisher, from 1 in each life of his program.
	Life uint64 `json:"life,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
	// Text is the message, or Data if it is no UTF-8.
	Text string `json:"text,omitempty"`
	Data []byte `json:"data,omitempty"`
	Lost uint64 `json:"lost,omitempty"`
	// Error is why the stream ended, where it is not a matter of one side's will.
	Error *Error `json:"error,omitempty"`
}

// Body is the message.
func (e *TopicEvent) Body() []byte {
	if len(e.Data) > 0 {
		return e.Data
	}
	return []byte(e.Text)
}

// TopicRules are what is to hold in a topic. Its owner may always publish and read.
type TopicRules struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"` // whose topic it is; empty: the only user
	// Publish and Read are names of people; "all" is every member of the ring, and "owner"
	// nobody besides. Empty: as it is in a topic that is made by publishing to it.
	Publish []string `json:"publish,omitempty"`
	Read    []string `json:"read,omitempty"`
	// Keep is how many messages are kept for who comes later, at most 4,096; 0: 1,000. KeepFor
	// is for how many milliseconds, a minute to 7 days; 0: a day.
	Keep    int   `json:"keep,omitempty"`
	KeepFor int64 `json:"keep_for_ms,omitempty"`
}

// Topic is what this node has to do with a topic.
type Topic struct {
	Name  string `json:"name"`
	Owner string `json:"owner"` // the fingerprint of his key
	// Everybody may publish, or read; otherwise the owner, and so many others.
	Publish    bool  `json:"all_publish"`
	Read       bool  `json:"all_read"`
	Publishers int   `json:"publishers,omitempty"`
	Readers    int   `json:"readers,omitempty"`
	Keep       int   `json:"keep"` // messages
	KeepFor    int64 `json:"keep_for_ms"`
	Mine       bool  `json:"mine,omitempty"` // the owner lives on this node
	Writing    int   `json:"writing,omitempty"`
	Reading    int   `json:"reading,omitempty"`  // subscriptions on this node
	Root       bool  `json:"root,omitempty"`     // this node is where the topic's messages begin their way
	Keeping    bool  `json:"keeping,omitempty"`  // it keeps the topic for the root
	Children   int   `json:"children,omitempty"` // nodes that it hands messages on to
	Messages   int   `json:"messages,omitempty"` // that it has
}

// TopicTree is who hands a topic on to whom: the root first, each node after its parent.
type TopicTree struct {
	Topic string       `json:"topic"`
	Key   id.ID        `json:"key"` // its root is the node nearest to it
	Nodes []TopicPlace `json:"nodes"`
	More  bool         `json:"more,omitempty"` // there are more than were asked
}

// TopicPlace is one node of a tree.
type TopicPlace struct {
	Node     id.ID `json:"node"`
	Parent   id.ID `json:"parent"` // zero: it is the root
	Depth    int   `json:"depth"`  // links from the root
	Self     bool  `json:"self,omitempty"`
	Reads    bool  `json:"reads,omitempty"`  // a subscriber; the others only hand on
	Silent   bool  `json:"silent,omitempty"` // it did not answer
	Children int   `json:"children,omitempty"`
	Messages int   `json:"messages,omitempty"` // that it has
}

// TopicTrial says what is measured: messages that one user publishes and all readers get.
type TopicTrial struct {
	Topic       string `json:"topic"`
	User        string `json:"user,omitempty"` // who publishes; empty: the only user, or the node if nobody lives on it
	Size        int    `json:"size"`           // bytes of a message, 16 to MaxTopicMessage
	Outstanding int    `json:"outstanding"`    // messages under way at once, 1 to 512
	Rate        int    `json:"rate,omitempty"` // messages in a second; 0: as many as Outstanding allows
	For         int64  `json:"for_ms"`         // 1,000 to 600,000
}

// TopicMeasured is what came out. The time of a message begins when it was due, also where it
// had to wait in the node because more were published than the ring carries.
type TopicMeasured struct {
	Topic       string `json:"topic"`
	Size        int    `json:"size"`
	Outstanding int    `json:"outstanding"`
	Asked       int    `json:"asked_rate,omitempty"` // messages in a second that were asked for
	Messages    int    `json:"messages"`             // that were read on this node
	Took        int64  `json:"took_ms"`
	Rate        int    `json:"rate"` // messages in a second, rounded
	Lost        int    `json:"lost"` // published, and not read on this node
	// Safe is until a majority of those who keep the topic have a message, Read until this
	// node's readers were given it, All until all readers' nodes that are asked have said so.
	Safe    TopicTimes `json:"safe"`
	Read    TopicTimes `json:"read"`
	All     TopicTimes `json:"all"`
	Readers int        `json:"readers"`          // nodes that read the topic, this one among them
	Others  int        `json:"others"`           // of them, that were asked about messages; this node is not
	Silent  int        `json:"silent,omitempty"` // of those, that did not answer once, and were left out then
}

// TopicTimes are the times of so many messages, in microseconds.
type TopicTimes struct {
	Count int   `json:"count"`
	P50   int64 `json:"p50_us"`
	P90   int64 `json:"p90_us"`
	P99   int64 `json:"p99_us"`
	Worst int64 `json:"worst_us"`
}

// How publications and subscriptions cross the wire: Publish is POST /v1/topic/pub?q=JSON with
// the messages as the body; Subscribe is GET /v1/topic/sub?q=JSON, and its answer TopicEvents, as
// JSON lines or, if that is accepted, server-sent events.
const (
	StreamPublish   = "/v1/topic/pub"
	StreamSubscribe = "/v1/topic/sub"
)

// Publish implements Node.
func (c *Client) Publish(ctx context.Context, q Publication, r io.Reader) (*Published, error) {
	return upload(ctx, c, StreamPublish, q, r, new(Published))
}

// Subscribe implements Node. If the node ends suddenly the error is of kind NotRunning.
func (c *Client) Subscribe(ctx context.Context, q Subscription, f func(*TopicEvent) error) error {
	what, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return follow(ctx, c, StreamSubscribe+"?q="+url.QueryEscape(string(what)), func(e *TopicEvent) error {
		if e.Error != nil {
			return e.Error
		}
		return f(e)
	})
}

// TopicSet implements Node.
func (c *Client) TopicSet(ctx context.Context, q TopicRules) (*Topic, error) {
	return call[*Topic](ctx, c, "topic/set", q)
}

// TopicList implements Node.
func (c *Client) TopicList(ctx context.Context) ([]Topic, error) {
	return call[[]Topic](ctx, c, "topic/list", none{})
}

// TopicTree implements Node.
func (c *Client) TopicTree(ctx context.Context, name string) (*TopicTree, error) {
	return call[*TopicTree](ctx, c, "topic/tree", forTarget{name})
}

// TopicBench implements Node.
func (c *Client) TopicBench(ctx context.Context, q TopicTrial) (*TopicMeasured, error) {
	return call[*TopicMeasured](ctx, c, "topic/bench", q)
}
