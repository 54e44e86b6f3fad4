package disk_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

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
