package im

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests from outside need of the inside: the forms on the wire.
type (
	Letter   = letter
	Push     = push
	Pushed   = pushed
	Ping     = ping
	Pong     = pong
	Bye      = bye
	Receipt  = receipt
	BodyKind = bodyKind
	Verdict  = verdict
)

const (
	BodyText          = bodyText
	BodyReceipt       = bodyReceipt
	VerdictOK         = verdictOK
	VerdictRefused    = verdictRefused
	VerdictGap        = verdictGap
	VerdictLater      = verdictLater
	VerdictNoUser     = verdictNoUser
	VerdictUnreadable = verdictUnreadable
	MaxSealed         = maxSealed
	MaxStreams        = maxStreams
)

var (
	Messages    = messages
	SizeClasses = sizeClasses
	Pad         = pad
	Unpad       = unpad
	ParseLetter = parseLetter
	OpenLetter  = openLetter
	Between     = conversation
)

func (l Letter) Seal(s peer.Signer, sealer peer.Sealer, key peer.SealKey) ([]byte, error) {
	return l.seal(s, sealer, key)
}

func (l *Letter) Signed() []byte { return l.signed() }

func SealContext(ring id.Hash, to peer.Key, number uint32) []byte {
	return sealContext(ring, to, number)
}

func Encode(m wire.Message) []byte { return encode(m) }
