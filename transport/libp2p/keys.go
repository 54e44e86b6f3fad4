package libp2p

import (
	"crypto/ed25519"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"

	"github.com/phyllo-net/phyllo/peer"
)

// ourKeys lets this process know no kind of key but Ed25519: the library would verify
// a signature of any other in the handshake, before anybody is asked, and some cost
// much. It has nothing but this table to say so.
var ourKeys = sync.OnceFunc(func() {
	crypto.PubKeyUnmarshallers = map[pb.KeyType]crypto.PubKeyUnmarshaller{
		pb.KeyType_Ed25519: crypto.UnmarshalEd25519PublicKey,
	}
})

// identity turns the seed of a node's key into the library's form.
func identity(seed []byte) (crypto.PrivKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the node's private key has %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}

// peerID returns the library's name of a key.
func peerID(k peer.Key) (p2ppeer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(k[:])
	if err != nil {
		return "", err
	}
	return p2ppeer.IDFromPublicKey(pub)
}

// keyOf returns the key behind the library's name of a node. Only Ed25519 keys
// are accepted; their names contain them.
func keyOf(id p2ppeer.ID) (peer.Key, error) {
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
