package disk_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/sim/simtest"
)

// small tells that the long tests take samples of their cases: with -short, and under
// the race detector, as "make test" takes all of them once without it.
func small() bool { return testing.Short() || simtest.Race }

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childEnv) != "":
		writeUntilKilled()
	case os.Getenv(blobChildEnv) != "":
		putUntilKilled()
	case os.Getenv(fillChildEnv) != "":
		fillUntilKilled()
	}
	goleak.VerifyTestMain(m)
}
