package people

import (
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

// Received is a line of "phyllo inbox --json".
type Received struct {
	ID         id.ID     `json:"id"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Text       string    `json:"text"`
	SentAt     time.Time `json:"sent_at"`
	ReceivedAt time.Time `json:"received_at"`
	// Request and Claimed are only there for what a stranger wrote.
	Request bool   `json:"request,omitempty"`
	Claimed string `json:"claimed,omitempty"`
}

// messages writes messages out; when it returns without an error they are.
func messages(w *console.World, list []api.Message) error {
	for _, m := range list {
		if w.JSON {
			if err := w.Line(Received{m.ID, m.From, m.To, m.Text, m.SentAt, m.ReceivedAt, m.Request, m.Claimed}); err != nil {
				return err
			}
			continue
		}
		name := ""
		if !m.Request && m.Claimed == "" {
			name = m.From
		}
		who := plain.Clean(plain.Name(name, m.Claimed, m.From))
		if m.Request {
			who += " asks"
		}
		w.Printf("%s  %s: %s\n", w.Moment(m.ReceivedAt), who, plain.Body(m.Text, "    "))
	}
	return w.Out.Flush()
}

// unread are the ids of those that were not marked as read.
func unread(list []api.Message) []id.ID {
	var ids []id.ID
	for _, m := range list {
		if m.ReadAt.IsZero() {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
