package echo

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Number is the application's own, the same at all nodes.
const Number wire.AppID = 0xec0

// Line is the only message: a text, and on the way back who answered it.
type Line struct {
	Text string `cbor:"1,keyasint"`
	By   id.ID  `cbor:"2,keyasint,omitempty"`
}

// App is the application on one node. The zero App is ready to be mounted.
type App struct{ ep kbr.Endpoint }

// Start implements kbr.App.
func (a *App) Start(ep kbr.Endpoint) { a.ep = ep }

// Deliver implements kbr.App. It refuses what is not a Line.
func (a *App) Deliver(d *kbr.Delivery) {
	var l Line
	if err := wire.Unmarshal(d.Payload, &l); err != nil {
		d.Refuse(1, err.Error())
		return
	}
	d.Reply(wire.MustMarshal(Line{l.Text, a.ep.Self().ID}))
}

// Update implements kbr.App. Echo keeps nothing that would have to move.
func (a *App) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (a *App) Stop() {}

// Say sends a text to the node nearest to the key, and returns what comes back.
// Its errors are those of kbr, or wrap wire.ErrMalformed for a bad answer.
func (a *App) Say(t *task.T, key id.ID, text string) (Line, error) {
	answer, err := kbr.Call(t, a.ep, key, wire.MustMarshal(Line{Text: text}), kbr.Options{})
	if err != nil {
		return Line{}, err
	}
	var l Line
	return l, wire.Unmarshal(answer.Payload, &l)
}
