package budget_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/internal/budget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caught is a test that notes whether it failed.
type caught struct {
	testing.TB
	failed bool
}

func (c *caught) Helper()               {}
func (c *caught) Errorf(string, ...any) { c.failed = true }

var sink []byte

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		what       string
		n          int
		takes      []int // the first time, the second, ...; the last one ever after
		called     int
		mustNotice bool
	}{
		{"as much as it may", 1000, []int{8000}, 1, false},
		{"too much", 1000, []int{20_000}, 4, true},
		{"too much of nothing", 0, []int{6 << 10}, 4, true},
		{"a cache at the first time", 10, []int{1 << 20, 100}, 2, false},
	} {
		called := 0
		got := &caught{TB: t}
		budget.Decode(got, c.n, func() {
			sink = make([]byte, c.takes[min(called, len(c.takes)-1)])
			called++
		})
		if got.failed != c.mustNotice || called != c.called {
			t.Errorf("%s: failed %v after %d calls, want %v after %d", c.what, got.failed, called, c.mustNotice, c.called)
		}
	}
}
