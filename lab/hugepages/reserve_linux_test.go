package hugepages_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/lab/hugepages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wished matches the size of a mapping, and its flags with the wish for huge pages.
var wished = regexp.MustCompile(`(?m)^Size: +(\d+) kB$(?:\n[A-Z][A-Za-z_]*: .*)*?\nVmFlags:.* hg\b`)

// TestReserve: the system has noted the wish for as much as was asked, and what was
// allocated for it is given back.
func TestReserve(t *testing.T) {
	const bytes = 64 << 20
	_, err := os.Stat("/sys/kernel/mm/transparent_hugepage/enabled")
	has := err == nil
	if got := hugepages.Reserve(bytes); got != has {
		t.Fatalf("Reserve reports %v; the system has huge pages: %v", got, has)
	}
	if !has {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, m := range wished.FindAllSubmatch(maps, -1) {
		kib, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		noted += kib << 10
	}
	if noted < bytes {
		t.Errorf("the wish is noted for %d bytes, asked for %d", noted, bytes)
	}
}

// TestReserveNothing: a size that is none is no wish.
func TestReserveNothing(t *testing.T) {
	for _, bytes := range []int64{0, -1} {
		if hugepages.Reserve(bytes) {
			t.Errorf("Reserve(%d) reports true", bytes)
		}
	}
}
