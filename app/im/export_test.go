package im

import (
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests from outside need of the inside: the forms on the wire.
type (
	Push    = push
	Pushed  = pushed
	Ping    = ping
	Pong    = pong
	Bye     = bye
	Verdict = books.Verdict
)

const (
	VerdictOK         = books.VerdictOK
	VerdictRefused    = books.VerdictRefused
	VerdictGap        = books.VerdictGap
	VerdictLater      = books.VerdictLater
	VerdictNoUser     = books.VerdictNoUser
	VerdictUnreadable = books.VerdictUnreadable
	MaxSealed         = maxSealed
	MaxStreams        = books.MaxStreams
)

var (
	Messages = messages
)

func Encode(m wire.Message) []byte { return encode(m) }

func (p *pushed) Signed(ring id.Hash, device id.ID, to *Push) []byte {
	return p.signed(ring, device, to)
}
