package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/keys"
)

// VerifyAll measures how long all processors take to verify n signatures: no message that
// each of n nodes of this process verifies is with all of them sooner.
func VerifyAll(n int) (time.Duration, error) {
	s, err := keys.NewSigner(keys.Random())
	if err != nil {
		return 0, err
	}
	text := make([]byte, 32)
	sig := s.Sign(text)
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				keys.Verifier{}.Verify(s.Public(), text, sig)
			}
		})
	}
	all.Wait()
	return time.Since(begun), nil
}
