package experiment_test

import (
	"math"
	"testing"

	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

// TestBounds: the bound of Clopper and Pearson, beside values from tables: of no event
// in n trials it is 1 - 0.05^(1/n), the "rule of three".
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		rate  experiment.Rate
		upper float64
	}{
		{experiment.Rate{K: 0, N: 0}, 1},
		{experiment.Rate{K: 0, N: 1}, 0.95},
		{experiment.Rate{K: 1, N: 1}, 1},
		{experiment.Rate{K: 0, N: 10}, 1 - math.Pow(0.05, 0.1)},
		{experiment.Rate{K: 5, N: 10}, 0.7776},
		{experiment.Rate{K: 1, N: 100}, 0.04656},
		{experiment.Rate{K: 0, N: 200_000}, 1 - math.Pow(0.05, 1.0/200_000)},
		{experiment.Rate{K: 50_000, N: 100_000}, 0.50261},
	} {
		if got := c.rate.Upper(); math.Abs(got-c.upper) > 1e-4*c.upper+1e-9 {
			t.Errorf("%v: at most %.6g, want %.6g", c.rate, got, c.upper)
		}
		back := experiment.Rate{K: c.rate.N - c.rate.K, N: c.rate.N}
		if got, want := back.Lower(), 1-c.rate.Upper(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: at least %.6g, want %.6g", back, got, want)
		}
	}
}

// TestVerdicts: a rate meets a goal only if its bound does.
func TestVerdicts(t *testing.T) {
	rate := func(k, n int) *experiment.Rate { return &experiment.Rate{K: k, N: n} }
	large := experiment.AtMost(3)
	large.Nodes = 5000
	for _, c := range []struct {
		v    experiment.Value
		want experiment.Verdict
	}{
		{experiment.Value{Value: 2}, experiment.None},
		{experiment.Value{Value: 2, Goal: experiment.AtMost(2)}, experiment.Met},
		{experiment.Value{Value: 2.1, Goal: experiment.AtMost(2)}, experiment.Missed},
		{experiment.Value{Value: 0, Goal: experiment.AtLeast(1)}, experiment.Missed},
		{experiment.Value{Value: math.NaN(), Goal: experiment.AtMost(2)}, experiment.Missed},
		{experiment.Value{Value: math.NaN(), Goal: experiment.AtLeast(2)}, experiment.Missed},
		{experiment.Value{Value: 0, Rate: rate(0, 1000), Goal: experiment.AtMost(1.5e-5)}, experiment.NotShown},
		{experiment.Value{Value: 0, Rate: rate(0, 200_000), Goal: experiment.AtMost(1.5e-5)}, experiment.Met},
		{experiment.Value{Value: 0.01, Rate: rate(10, 1000), Goal: experiment.AtMost(1.5e-5)}, experiment.Missed},
		{experiment.Value{Value: 1, Rate: rate(100, 100), Goal: experiment.AtLeast(0.999)}, experiment.NotShown},
		{experiment.Value{Value: 1, Rate: rate(10_000, 10_000), Goal: experiment.AtLeast(0.999)}, experiment.Met},
		{experiment.Value{Value: 2, Nodes: 100, Goal: large}, experiment.Smaller},
		{experiment.Value{Value: 4, Nodes: 100, Goal: large}, experiment.Missed},
		{experiment.Value{Value: 2, Nodes: 5000, Goal: large}, experiment.Met},
	} {
		if got := c.v.Verdict(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.v, got, c.want)
		}
	}
}
