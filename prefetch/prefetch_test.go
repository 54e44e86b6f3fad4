package prefetch_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/prefetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNothingIsTouched: what is fetched stays as it was, and what is not there, or ends
// before what is fetched does, is no fault.
func TestNothingIsTouched(t *testing.T) {
	prefetch.At[int](nil)
	prefetch.Lines[int](nil, 3)
	prefetch.All[[300]byte](nil)
	prefetch.Any(nil)
	prefetch.Any(7)
	prefetch.Func(nil)
	large := new([300]byte)
	for i := range large {
		large[i] = byte(i)
	}
	called := 0
	f := func() { called++ }
	prefetch.At(&large[299])
	prefetch.Lines(&large[299], 1000)
	prefetch.Lines(large, 0)
	prefetch.All(new(struct{}))
	prefetch.All(large)
	prefetch.Any(large)
	prefetch.Func(f)
	for i, b := range large {
		if b != byte(i) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	if called != 0 {
		t.Errorf("the function was called %d times", called)
	}
	n := testing.AllocsPerRun(100, func() {
		prefetch.All(large)
		prefetch.Func(f)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
