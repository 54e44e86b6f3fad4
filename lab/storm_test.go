package lab_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

func TestStorm(t *testing.T) {
	a, b := 1, 20
	if s := os.Getenv("SEEDS"); s != "" {
		b, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("SEED"); s != "" {
		a, _ = strconv.Atoi(s)
		b = a
	}
	bad := 0
	for seed := a; seed <= b; seed++ {
		s := lab.NewStorm(uint64(seed), 20)
		ps := s.Run(2 * time.Minute)
		t.Logf("seed %d: drop %.2f part %.3f unl %.3f: %d lookups, %d answered, %d failed, missed %d, %d messages", seed, s.Faults.Drop, s.Faults.Partition, s.Faults.Unlinked, s.Sent, s.Answered, s.Failed, s.Missed, s.Truth.Sent)
		for i, p := range ps {
			if i < 4 {
				t.Errorf("seed %d: %s", seed, p)
			}
		}
		if len(ps) > 0 {
			bad++
		}
	}
	t.Logf("%d bad", bad)
}
