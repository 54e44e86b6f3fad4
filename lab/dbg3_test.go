package lab_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

func TestDbg3(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	key := os.Getenv("KEY")
	var s *lab.Storm
	num := uint64(0)
	s = lab.NewStormObs(uint64(seed), 20, func(from, to sim.NodeRef, c machine.Class, m wire.Message, _ int) {
		if h, ok := m.(*pastry.Hop); ok && h.Route != nil && strings.HasPrefix(h.Route.Key.String(), key) {
			num = h.Route.Num
			fmt.Printf("%v %d>%d seq %d count %d attempt %d flags %d num %d\n", s.Sim.Now(), from, to, h.Seq, h.Count, h.Route.Attempt, h.Route.Env.Flags, num)
		}
		if r, ok := m.(*pastry.Reply); ok && r.Num == num && num != 0 {
			fmt.Printf("%v reply %d>%d code %d attempt %d\n", s.Sim.Now(), from, to, r.Code, r.Attempt)
		}
	})
	s.Run(2 * time.Minute)
}
