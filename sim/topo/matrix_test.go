package topo_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/phyllo-net/phyllo/sim/topo"
)

func TestReadMatrix(t *testing.T) {
	const king = "# three hosts, microseconds\n0 1000 2000.4\r\n\n1000,0\t30000 # far\n2000.4 31000 0"
	m, err := topo.ReadMatrix(strings.NewReader(king), topo.Format{Unit: time.Microsecond, RoundTrip: true})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]time.Duration{
		{0, 500 * time.Microsecond, time.Millisecond},
		{500 * time.Microsecond, 0, 15 * time.Millisecond},
		{time.Millisecond, 15500 * time.Microsecond, 0},
	}
	if m.Hosts() != len(want) {
		t.Fatalf("%d hosts, want %d", m.Hosts(), len(want))
	}
	for a := range want {
		for b, d := range want[a] {
			if got := m.Delay(a, b); got != d {
				t.Errorf("delay(%d, %d) = %v, want %v", a, b, got, d)
			}
		}
	}
}

func TestReadMatrixIsInMillisecondsByDefault(t *testing.T) {
	m, err := topo.ReadMatrix(strings.NewReader("0 12.5\n0.000001 0"), topo.Format{})
	if err != nil {
		t.Fatal(err)
	}
	if d := m.Delay(0, 1); d != 12500*time.Microsecond {
		t.Errorf("delay %v, want 12.5ms", d)
	}
	if d := m.Delay(1, 0); d != topo.Least {
		t.Errorf("delay %v of a tiny latency, want the least, %v", d, topo.Least)
	}
}

func TestReadMatrixSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "empty"},
		{"# nothing\n\n", "empty"},
		{"0 1\n1 0\n1 1", "line 3 is row 3 of a matrix of 2 hosts"},
		{"0 1 1\n1 0 1", "2 rows of 3 numbers"},
		{"0 1\n1 0 5", "line 2 has 3 numbers, want 2"},
		{"0 1\n1", "line 2 has 1 numbers, want 2"},
		{"0 x\n1 0", `line 1, number 2: "x" is not a number`},
		{"0 -1\n1 0", "line 1, number 2: -1 is no latency"},
		{"0 0\n1 0", "line 1, number 2: 0 is no latency"},
		{"0 nan\n1 0", "nan is no latency"},
		{"0 Inf\n1 0", "Inf is no latency"},
		{"0 100001\n1 0", "at most 1m40s"},
		{"0 1\n1 2", "line 2, number 2: 2 from a host to itself, want 0"},
		{strings.Repeat("0 ", topo.MaxMatrix+1), "at most 4096 hosts"},
		{strings.Repeat("0", 300_000), "line 1 is longer than"},
	} {
		_, err := topo.ReadMatrix(strings.NewReader(c.text), topo.Format{})
		if !errors.Is(err, topo.ErrMatrix) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%.30q: %v, want %q", c.text, err, c.says)
		}
	}
}

func TestReadMatrixPassesTheReadersError(t *testing.T) {
	_, err := topo.ReadMatrix(iotest.ErrReader(io.ErrClosedPipe), topo.Format{})
	if !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, topo.ErrMatrix) {
		t.Errorf("error %v, want the reader's own", err)
	}
}

func FuzzReadMatrix(f *testing.F) {
	f.Add("0 1\n1 0", false)
	f.Add("# King\n0,5,1e3\n5,0,.25\n1e3,0.25,0\n", true)
	f.Add("0 nan\n-1 0", false)
	f.Fuzz(func(t *testing.T, text string, rtt bool) {
		m, err := topo.ReadMatrix(strings.NewReader(text), topo.Format{RoundTrip: rtt})
		if err != nil {
			return
		}
		if n := m.Hosts(); n < 1 || n > topo.MaxMatrix || n*n > len(text) {
			t.Fatalf("%d hosts out of %d bytes", n, len(text))
		}
		for a := range m.Hosts() {
			for b := range m.Hosts() {
				if d := m.Delay(a, b); (a == b) != (d == 0) || a != b && (d < topo.Least || d > topo.MaxLatency) {
					t.Fatalf("delay(%d, %d) = %v", a, b, d)
				}
			}
		}
	})
}
