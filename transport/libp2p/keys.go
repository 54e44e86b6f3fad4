package libp2p

import (
	"crypto/ed25519"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
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
