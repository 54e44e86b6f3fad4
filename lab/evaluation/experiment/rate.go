package experiment

import (
	"fmt"
	"math"
)

// Rate is k events in n trials.
type Rate struct{ K, N int }

// confidence of Upper.
const confidence = 0.95

// Value is k/n, 0 without trials.
func (r Rate) Value() float64 {
	if r.N == 0 {
		return 0
	}
	return float64(r.K) / float64(r.N)
}

// Upper is the one-sided 95 % bound of Clopper and Pearson: were the true rate
// higher, k events or fewer would be seen in fewer than one of twenty samples. It is
// 1 without trials.
func (r Rate) Upper() float64 {
	if r.K >= r.N {
		return 1
	}
	low, high := r.Value(), 1.0
	for range 200 {
		if mid := (low + high) / 2; atMost(r.K, r.N, mid) > 1-confidence {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// Lower is the bound from below: 1 - Upper of what did not happen.
func (r Rate) Lower() float64 { return 1 - Rate{K: r.N - r.K, N: r.N}.Upper() }

// String gives "k of n".
func (r Rate) String() string { return fmt.Sprintf("%d of %d", r.K, r.N) }

// atMost is the probability of k events or fewer in n trials of probability p, 0 < p < 1.
// Terms are summed from the largest, which keeps what is far in the tail exact.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	for i := k; i >= 0; i-- {
		term := math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		sum += term
		if mean := float64(n) * p; term < sum*1e-16 && float64(i) < mean {
			break
		}
	}
	return min(sum, 1)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
