// Package edge may do what pure rooms may not.
package edge

import (
	"crypto/ed25519"
	"net/http"
	"time"
)

// Key is a key.
type Key = ed25519.PublicKey

// Run starts a goroutine.
func Run(m map[int]int) {
	go func() { _ = http.ListenAndServe("", nil) }()
	for range m {
		time.Sleep(1)
	}
}
