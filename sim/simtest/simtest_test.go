package simtest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestSeedsRunsEachSeedOnce(t *testing.T) {
	var lock sync.Mutex
	var ran []uint64
	run(t, "", []uint64{1, 2, 3, 4, 5}, func(t *testing.T, seed uint64) {
		lock.Lock()
		defer lock.Unlock()
		ran = append(ran, seed)
	})
	slices.Sort(ran)
	if !slices.Equal(ran, []uint64{1, 2, 3, 4, 5}) {
		t.Errorf("ran seeds %v, want 1 to 5, all before run returned", ran)
	}
}

func TestSeedsCanBeChosen(t *testing.T) {
	for _, c := range []struct {
		flag, seed, seeds string
		want              string
	}{
		{"", "", "", "[1 2 3] <nil>"},
		{"", "", "2", "[1 2] <nil>"},
		{"", "0x10", "2", "[16] <nil>"},
		{"18446744073709551615", "7", "", "[18446744073709551615] <nil>"},
		{"x", "", "", `[] seed "x" is not a number: set -seed or PHYLLO_SEED to one from 0 to 2^64-1`},
		{"", "-1", "", `[] seed "-1" is not a number: set -seed or PHYLLO_SEED to one from 0 to 2^64-1`},
		{"", "", "0", `[] PHYLLO_SEEDS is "0", want a number above 0`},
		{"", "", "many", `[] PHYLLO_SEEDS is "many", want a number above 0`},
	} {
		got, err := chosen(3, c.flag, func(name string) string {
			return map[string]string{"PHYLLO_SEED": c.seed, "PHYLLO_SEEDS": c.seeds}[name]
		})
		if s := fmt.Sprint(got, " ", err); s != c.want {
			t.Errorf("flag %q, PHYLLO_SEED %q, PHYLLO_SEEDS %q: %s, want %s", c.flag, c.seed, c.seeds, s, c.want)
		}
	}
}

func TestPackageOfACaller(t *testing.T) {
	for function, want := range map[string]string{
		"github.com/phyllo-net/phyllo/pastry_test.TestJoin":         "github.com/phyllo-net/phyllo/pastry",
		"github.com/phyllo-net/phyllo/pastry.TestJoin.func1":        "github.com/phyllo-net/phyllo/pastry",
		"github.com/phyllo-net/phyllo/app/im_test.(*suite).TestAll": "github.com/phyllo-net/phyllo/app/im",
		"main.main": "main",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("%s is of %s, want %s", function, got, want)
		}
	}
}

// The test binary runs itself, to see what a failing seed leaves behind.
func TestFailedSeedTellsHowToRunItAgain(t *testing.T) {
	const asked = "SIMTEST_FAIL"
	if how := os.Getenv(asked); how != "" {
		Seeds(t, 3, func(t *testing.T, seed uint64) {
			switch {
			case seed == 2 && how == "error":
				t.Error("it failed")
			case seed == 2:
				panic("it failed")
			}
		})
		return
	}
	for _, how := range []string{"error", "panic"} {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), asked+"="+how, "PHYLLO_SEED=2")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: the test passed", how)
		}
		want := "go test -run '^TestFailedSeedTellsHowToRunItAgain$' github.com/phyllo-net/phyllo/sim/simtest -seed=2"
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: %q is missing in\n%s", how, want, out)
		}
	}
}
