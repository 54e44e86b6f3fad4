package arrows // want: doc

import (
	"crypto/ed25519"                  // want: crypto
	renamed "fixture.test/house/edge" // want: import
	_ "fixture.test/house/id"         // want: blank import
	"net/http"                        // want: outside
	"sync"
)

const One = 1 // One has a comment of its own, at the end of its line

type T struct { // want: doc
	n int
}

func (T) M() {} // want: doc

type hidden struct{}

func (hidden) M() {}

// Described is described.
func Described() {
	_ = renamed.Key(nil)
	_ = ed25519.Sign
	_ = http.MethodGet
	var wg sync.WaitGroup
	wg.Go(func() {}) // want: go
}

var V = []int{ // want: doc
	1,
}

var _ = T{}.n
