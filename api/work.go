package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// Works are items of work that programs offer to a topic, each of which goes to one program
// that takes them.
type Works interface {
	// WorkOffer offers items from r: one, or one for each line (see WorkOffering). It calls f with
	// what becomes of them, one event at a time, and returns when all have an outcome, when the
	// context ends (its error) or f returns an error (that one). Items that were queued (WorkQueued)
	// and have no outcome then stay in the node's store and are offered on. Denied, Usage.
	WorkOffer(ctx context.Context, q WorkOffering, r io.Reader, f func(*WorkEvent) error) error
	// WorkTake calls f with what there is to do, one event at a time, beginning with WorkBegin, or
	// with WorkWaiting while there is no such topic; until the context ends (its error), f returns
	// an error (that one), or the node stops (nil). What was not confirmed is given back then.
	// Denied, Usage.
	WorkTake(ctx context.Context, q WorkTaking, f func(*WorkEvent) error) error
	// WorkConfirm says what became of an item that somebody took on this node. It returns when the
	// node of who offered it knows. Failed if the item is not in the taker's hands any more,
	// Unreachable if that node cannot be told now: it is later.
	WorkConfirm(ctx context.Context, q WorkReport) error
	// WorkList lists the items that are offered on this node.
	WorkList(ctx context.Context) ([]WorkItem, error)
	// WorkSurvey lists the items that all nodes offer to a topic, for its owner, who must live here,
	// and says how many of these nodes have answered. NotFound, Denied, Unreachable.
	WorkSurvey(ctx context.Context, q WorkQuery) (*WorkSurvey, error)
	// WorkWithdraw ends items that are offered on this node, all of a topic if none are named.
	WorkWithdraw(ctx context.Context, q WorkWithdrawal) (*Withdrawn, error)
}

// WorkOffering says where items are offered, and how.
type WorkOffering struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"` // who offers; empty: the only user, or the node if nobody lives on it
	// Lines makes an item of each line, without its end; otherwise all that is read is one.
	Lines bool `json:"lines,omitempty"`
	// Wait lets items wait for takers if there are none; otherwise their outcome is WorkNone.
	Wait bool `json:"wait,omitempty"`
	// Leave ends the call when all items are queued: they wait for takers.
	Leave bool `json:"leave,omitempty"`
	// Tries is how often an item may fail, 1 to 100; 0: 3.
	Tries int `json:"tries,omitempty"`
}

// WorkTaking says what is taken.
type WorkTaking struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"` // who takes; empty: the only user, or anybody
	// Slots is how many items are taken at a time, 1 to 1,000; 0: 1.
	Slots int `json:"slots,omitempty"`
}

// Kinds of WorkEvent: first of items that are offered, the last five of which are outcomes.
const (
	WorkQueued    = "queued" // it is in the node's store
	WorkTaken     = "taken"
	WorkAgain     = "again" // it failed, or its taker has gone: it is offered again
	WorkDone      = "done"
	WorkNone      = "none"    // nobody takes items of the topic
	WorkFailed    = "failed"  // as often as it may
	WorkExpired   = "expired" // it has waited for a week
	WorkWithdrawn = "withdrawn"

	WorkWaiting = "waiting" // there is no such topic yet
	WorkBegin   = "begin"   // from now on items come
	WorkJob     = "job"     // an item is in the taker's hands, until it is confirmed
	WorkLost    = "lost"    // it was withdrawn, or is another taker's: do not go on with it
	WorkEnded   = "ended"   // something went wrong; the stream ends
)

// WorkEvent is what happens to an item, on the side of who offers it or who takes it.
type WorkEvent struct {
	Event string    `json:"event"`
	Topic string    `json:"topic"`
	Time  time.Time `json:"time"`
	// Item is the item's number; it stays the same when it is offered again.
	Item id.Hash `json:"item,omitzero"`
	// Text is the item, or Data if it is no UTF-8.
	Text string `json:"text,omitempty"`
	Data []byte `json:"data,omitempty"`
	// Node has taken the item, or, for who takes it, offers it.
	Node id.ID `json:"node,omitzero"`
	// Before is how many takers had it before. If there are any it may have been done already.
	Before int `json:"before,omitempty"`
	// From is the fingerprint of the offerer's key, Name his name if this node knows it.
	From string `json:"from,omitempty"`
	Name string `json:"name,omitempty"`
	// Why is what is said of a failure.
	Why string `json:"why,omitempty"`
	// Error is why the stream ended, where it is not a matter of one side's will.
	Error *Error `json:"error,omitempty"`
}

// Body is the item.
func (e *WorkEvent) Body() []byte {
	if len(e.Data) > 0 {
		return e.Data
	}
	return []byte(e.Text)
}

// Over reports whether it is an item's outcome.
func (e *WorkEvent) Over() bool {
	switch e.Event {
	case WorkDone, WorkNone, WorkFailed, WorkExpired, WorkWithdrawn:
		return true
	}
	return false
}

// WorkReport is what became of an item in a taker's hands.
type WorkReport struct {
	Item   id.Hash `json:"item"`
	Failed bool    `json:"failed,omitempty"`
	Why    string  `json:"why,omitempty"` // of a failure; about 1,000 bytes of it are told
}

// WorkItem is an item that is offered on this node.
type WorkItem struct {
	Item  id.Hash `json:"item"`
	Topic string  `json:"topic"`
	// State is WorkQueued, "offered" (a taker is looked for), WorkTaken, or an outcome that nobody
	// was told: it is not offered any more.
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"`
	Node  id.ID     `json:"node,omitzero"` // the node that has taken it
	Had   int       `json:"had,omitempty"` // takers that had it
	Time  time.Time `json:"time"`          // when it was queued
	Text  string    `json:"text,omitempty"`
	Data  []byte    `json:"data,omitempty"`
	// In a WorkSurvey also: Offerer is the node that offers it, From the fingerprint of the key that
	// does, as that node says, and Name whose it is if this node knows it. Cut: Text or Data is
	// only the beginning.
	Offerer id.ID  `json:"offerer,omitzero"`
	From    string `json:"from,omitempty"`
	Name    string `json:"name,omitempty"`
	Cut     bool   `json:"cut,omitempty"`
}

// WorkQuery names a topic. User owns it; empty: the only user.
type WorkQuery struct {
	Topic string `json:"topic"`
	User  string `json:"user,omitempty"`
}

// WorkSurvey is what all nodes offer to a topic, as far as could be learned.
type WorkSurvey struct {
	Topic string     `json:"topic"`
	Items []WorkItem `json:"items"` // the oldest first
	Nodes int        `json:"nodes"` // that have answered
	Of    int        `json:"of"`    // that offer items to the topic
	// More items are there than are shown: of one node at most 1,000 are.
	More int `json:"more,omitempty"`
	// Young says that the node that knows who offers began a few minutes ago: there may be more
	// nodes of which it has not heard yet.
	Young bool `json:"young,omitempty"`
	// MoreNodes offer items than are remembered, which are not asked: of one topic at most 64 are.
	MoreNodes bool `json:"more_nodes,omitempty"`
}

// WorkWithdrawal names items.
type WorkWithdrawal struct {
	Topic string    `json:"topic"`
	Items []id.Hash `json:"items,omitempty"`
}

// Withdrawn is how many items were withdrawn.
type Withdrawn struct {
	Topic string `json:"topic"`
	Items int    `json:"items"`
}

// How they cross the wire: WorkOffer is POST /v1/work/offer?q=JSON with the items as the body,
// and WorkTake GET /v1/work/take?q=JSON; the answers are WorkEvents, as JSON lines or, if that is
// accepted, server-sent events. That of WorkOffer begins while the items are still sent.
const (
	StreamWorkOffer = "/v1/work/offer"
	StreamWorkTake  = "/v1/work/take"
)

// WorkOffer implements Node. If the node ends suddenly the error is of kind NotRunning.
func (c *Client) WorkOffer(ctx context.Context, q WorkOffering, r io.Reader, f func(*WorkEvent) error) error {
	what, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://phyllo"+StreamWorkOffer+"?q="+url.QueryEscape(string(what)), io.NopCloser(r))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", FileType)
	resp, err := c.http.Do(req)
	if err != nil {
		return c.wrap(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.refusal(ctx, resp, StreamWorkOffer)
	}
	return events(ctx, c, resp.Body, heard(f))
}

// heard makes an error of an event that tells of one.
func heard(f func(*WorkEvent) error) func(*WorkEvent) error {
	return func(e *WorkEvent) error {
		if e.Error != nil {
			return e.Error
		}
		return f(e)
	}
}

// WorkTake implements Node. If the node ends suddenly the error is of kind NotRunning.
func (c *Client) WorkTake(ctx context.Context, q WorkTaking, f func(*WorkEvent) error) error {
	what, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return follow(ctx, c, StreamWorkTake+"?q="+url.QueryEscape(string(what)), heard(f))
}

// WorkConfirm implements Node.
func (c *Client) WorkConfirm(ctx context.Context, q WorkReport) error {
	_, err := call[none](ctx, c, "work/confirm", q)
	return err
}

// WorkList implements Node.
func (c *Client) WorkList(ctx context.Context) ([]WorkItem, error) {
	return call[[]WorkItem](ctx, c, "work/list", none{})
}

// WorkSurvey implements Node.
func (c *Client) WorkSurvey(ctx context.Context, q WorkQuery) (*WorkSurvey, error) {
	return call[*WorkSurvey](ctx, c, "work/survey", q)
}

// WorkWithdraw implements Node.
func (c *Client) WorkWithdraw(ctx context.Context, q WorkWithdrawal) (*Withdrawn, error) {
	return call[*Withdrawn](ctx, c, "work/withdraw", q)
}
