package good

import (
	"fmt"
	"testing"
)

func TestGood(t *testing.T) {}

func TestTable(t *testing.T) {
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {})
	}
}

func FuzzGood(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) {}) }

func Example() {
	fmt.Println("good")
	// Output: good
}

func Example_unchecked() {}

func Testament() {}
