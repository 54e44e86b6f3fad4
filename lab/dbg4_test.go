package lab_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

func TestPanic(t *testing.T) {
	for seed := 1; seed <= 120; seed++ {
		s := lab.NewStorm(uint64(seed), 20)
		for i, p := range s.Run(2 * time.Minute) {
			if i < 3 {
				fmt.Println(seed, p)
			}
		}
	}
}
