package ring

import (
	"bytes"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/peer"
)

// What groups and storage cost without signatures is measured in rings whose nodes take a mark for one.
// No program but a measurement can make such a node.

// mark stands in place of a signature.
var mark = bytes.Repeat([]byte{'-'}, peer.SignatureSize)

// Unsigned signs nothing: it leaves a mark, which the nodes of rings with Options.Unsigned believe.
type Unsigned struct{ peer.Signer }

// Sign implements peer.Signer.
func (Unsigned) Sign([]byte) []byte { return bytes.Clone(mark) }

// believing is a verifier that believes the mark.
type believing struct{ peer.Verifier }

// Verify implements peer.Verifier.
func (b believing) Verify(key peer.Key, message, sig []byte) bool {
	return bytes.Equal(sig, mark) || b.Verifier.Verify(key, message, sig)
}

// believe lets a node's groups and its storage take the mark for a signature.
func believe() []node.Option {
	return []node.Option{
		node.WithGroups(func(c *scribe.Config) { c.Verifier = believing{c.Verifier} }),
		node.WithStorage(func(c *past.Config) { c.Signer, c.Verifier = Unsigned{c.Signer}, believing{c.Verifier} }),
	}
}
