package disk_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		writeUntilKilled()
	}
	goleak.VerifyTestMain(m)
}
