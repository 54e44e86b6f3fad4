package evaluation_test

import (
	"math"
	"testing"

	"github.com/phyllo-net/phyllo/lab/evaluation"
)

// TestBounds: the bound of Clopper and Pearson, beside values from tables: of no event
// in n trials it is 1 - 0.05^(1/n), the "rule of three".
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		rate  evaluation.Rate
		upper float64
	}{
		{evaluation.Rate{K: 0, N: 0}, 1},
		{evaluation.Rate{K: 0, N: 1}, 0.95},
		{evaluation.Rate{K: 1, N: 1}, 1},
		{evaluation.Rate{K: 0, N: 10}, 1 - math.Pow(0.05, 0.1)},
		{evaluation.Rate{K: 5, N: 10}, 0.7776},
		{evaluation.Rate{K: 1, N: 100}, 0.04656},
		{evaluation.Rate{K: 0, N: 200_000}, 1 - math.Pow(0.05, 1.0/200_000)},
		{evaluation.Rate{K: 50_000, N: 100_000}, 0.50261},
	} {
		if got := c.rate.Upper(); math.Abs(got-c.upper) > 1e-4*c.upper+1e-9 {
			t.Errorf("%v: at most %.6g, want %.6g", c.rate, got, c.upper)
		}
		back := evaluation.Rate{K: c.rate.N - c.rate.K, N: c.rate.N}
		if got, want := back.Lower(), 1-c.rate.Upper(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: at least %.6g, want %.6g", back, got, want)
		}
	}
}

// TestVerdicts: a rate meets a goal only if its bound does.
func TestVerdicts(t *testing.T) {
	rate := func(k, n int) *evaluation.Rate { return &evaluation.Rate{K: k, N: n} }
	large := evaluation.AtMost(3)
	large.Nodes = 5000
	for _, c := range []struct {
		v    evaluation.Value
		want evaluation.Verdict
	}{
		{evaluation.Value{Value: 2}, evaluation.None},
		{evaluation.Value{Value: 2, Goal: evaluation.AtMost(2)}, evaluation.Met},
		{evaluation.Value{Value: 2.1, Goal: evaluation.AtMost(2)}, evaluation.Missed},
		{evaluation.Value{Value: 0, Goal: evaluation.AtLeast(1)}, evaluation.Missed},
		{evaluation.Value{Value: math.NaN(), Goal: evaluation.AtMost(2)}, evaluation.Missed},
		{evaluation.Value{Value: math.NaN(), Goal: evaluation.AtLeast(2)}, evaluation.Missed},
		{evaluation.Value{Value: 0, Rate: rate(0, 1000), Goal: evaluation.AtMost(1.5e-5)}, evaluation.NotShown},
		{evaluation.Value{Value: 0, Rate: rate(0, 200_000), Goal: evaluation.AtMost(1.5e-5)}, evaluation.Met},
		{evaluation.Value{Value: 0.01, Rate: rate(10, 1000), Goal: evaluation.AtMost(1.5e-5)}, evaluation.Missed},
		{evaluation.Value{Value: 1, Rate: rate(100, 100), Goal: evaluation.AtLeast(0.999)}, evaluation.NotShown},
		{evaluation.Value{Value: 1, Rate: rate(10_000, 10_000), Goal: evaluation.AtLeast(0.999)}, evaluation.Met},
		{evaluation.Value{Value: 2, Nodes: 100, Goal: large}, evaluation.Smaller},
		{evaluation.Value{Value: 4, Nodes: 100, Goal: large}, evaluation.Missed},
		{evaluation.Value{Value: 2, Nodes: 5000, Goal: large}, evaluation.Met},
	} {
		if got := c.v.Verdict(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.v, got, c.want)
		}
	}
}
