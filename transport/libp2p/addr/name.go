package addr

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"

	"github.com/phyllo-net/phyllo/peer"
)

// PeerID returns the library's name of a key.
func PeerID(k peer.Key) (p2ppeer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(k[:])
	if err != nil {
		return "", err
	}
	return p2ppeer.IDFromPublicKey(pub)
}

// KeyOf returns the key behind the library's name of a node. Only Ed25519 keys
// are accepted; their names contain them.
func KeyOf(id p2ppeer.ID) (peer.Key, error) {
	var k peer.Key
	pub, err := id.ExtractPublicKey()
	if err != nil {
		return k, err
	}
	if pub.Type() != crypto.Ed25519 {
		return k, fmt.Errorf("a key of type %s, want Ed25519", pub.Type())
	}
	raw, err := pub.Raw()
	if err != nil {
		return k, err
	}
	if len(raw) != len(k) {
		return k, fmt.Errorf("a key of %d bytes, want %d", len(raw), len(k))
	}
	copy(k[:], raw)
	return k, nil
}
