package lab_test

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

func TestDbg2(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	at, _ := time.ParseDuration(os.Getenv("AT"))
	cnt := map[string]int{}
	var s *lab.Storm
	s = lab.NewStormObs(uint64(seed), 20, func(from, to sim.NodeRef, c machine.Class, m wire.Message, b int) {
		if p, ok := m.(*pastry.LeafProbe); ok && s.Sim.Now() > at {
			cnt[fmt.Sprintf("%d>%d r%v q%v a%v leaf %d failed %d", from, to, p.Reply, p.Quiet, p.Active, len(p.Leaf), len(p.Failed))]++
		}
	})
	s.OnTick = func() {
		if s.Sim.Now() > at+time.Second {
			var ks []string
			for k := range cnt {
				ks = append(ks, k)
			}
			sort.Slice(ks, func(i, j int) bool { return cnt[ks[i]] > cnt[ks[j]] })
			for _, k := range ks[:30] {
				fmt.Println(cnt[k], k)
			}
			os.Exit(3)
		}
	}
	s.Run(2 * time.Minute)
}
