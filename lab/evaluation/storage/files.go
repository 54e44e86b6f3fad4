package storage

import (
	"math"
	"math/rand/v2"
)

// sizes draws sizes of files as the web has them: most are small, and some are very large.
// It stands for the NLANR traces of PAST, which are not to be had: their mean and median
// are known, and their tail was fitted.
type sizes struct {
	median, sigma  float64 // of the small ones, lognormal
	large          float64 // share of the large ones, Pareto from least to most
	alpha          float64
	least, largest float64
}

// web is PAST's web workload: 1,863,055 files for 2,250 nodes, mean 10,517 bytes, median
// 1,312, largest 138 MB.
var web = sizes{median: 1083, sigma: 1.2, large: 0.1129, alpha: 1.065, least: 10_000, largest: 138e6}

// webFiles is how many files PAST's web workload has for each node.
const webFiles = 1_863_055.0 / 2250

func (s sizes) draw(rng *rand.Rand) int64 {
	if rng.Float64() >= s.large {
		return int64(s.median * math.Exp(s.sigma*rng.NormFloat64()))
	}
	u := rng.Float64() * (1 - math.Pow(s.least/s.largest, s.alpha))
	return int64(s.least / math.Pow(1-u, 1/s.alpha))
}

// offers is a distribution of what nodes offer: normal, cut at both ends, in MB of 2^20
// bytes (PAST, table 1).
type offers struct {
	name                    string
	mean, deviation, lo, hi float64
	outsize                 int // one node of so many offers ten times the mean; 0: none
}

var (
	d1 = offers{name: "d1", mean: 27, deviation: 10.8, lo: 2, hi: 51}
	d2 = offers{name: "d2", mean: 27, deviation: 9.6, lo: 4, hi: 49}
	d3 = offers{name: "d3", mean: 27, deviation: 54, lo: 6, hi: 48}
	d4 = offers{name: "d4", mean: 27, deviation: 54, lo: 1, hi: 53}
)

func (d offers) draw(n int, rng *rand.Rand) []int64 {
	list := make([]int64, n)
	for i := range list {
		x := d.mean + d.deviation*rng.NormFloat64()
		for x < d.lo || x > d.hi {
			x = d.mean + d.deviation*rng.NormFloat64()
		}
		if d.outsize > 0 && i%d.outsize == 0 {
			x = 10 * d.mean
		}
		list[i] = int64(x * (1 << 20))
	}
	return list
}
