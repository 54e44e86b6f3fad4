package lab_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

func TestDbg3(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	a, _ := strconv.Atoi(os.Getenv("A"))
	b, _ := strconv.Atoi(os.Getenv("B"))
	at, _ := time.ParseDuration(os.Getenv("AT"))
	var s *lab.Storm
	s = lab.NewStormObs(uint64(seed), 20, func(from, to sim.NodeRef, c machine.Class, m wire.Message, _ int) {
		if s.Sim.Now() > at && (int(from) == a && int(to) == b || int(from) == b && int(to) == a) {
			fmt.Printf("%v %d>%d %T %+v\n", s.Sim.Now(), from, to, m, m)
		}
	})
	s.Run(2 * time.Minute)
}
