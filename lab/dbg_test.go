package lab_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
)

func TestDbg(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	node, _ := strconv.Atoi(os.Getenv("NODE"))
	b, _ := strconv.Atoi(os.Getenv("B"))
	s := lab.NewStorm(uint64(seed), 20)
	s.OnTick = func() {
		if n := s.Node(sim.NodeRef(node)); n != nil && s.Sim.Now()%(5*time.Second) < 500*time.Millisecond {
			fmt.Println(s.Sim.Now(), n.Self(), len(s.Live()), n.Dbg())
			if m := s.Node(sim.NodeRef(b)); m != nil {
				fmt.Println("    -> ", n.Dbg2(m))
			}
		}
	}
	for _, p := range s.Run(2 * time.Minute) {
		fmt.Println(p)
	}
}
