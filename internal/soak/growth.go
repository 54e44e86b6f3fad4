package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The bounds of what a node that is never struck may hold more at the end than at the
// beginning.
const (
	mostMemory = 10 << 20         // bytes of resident memory in an hour
	leastSpan  = 15 * time.Minute // over less than this the slope of memory is chance
	mostRise   = 0.1              // of descriptors and goroutines, and besides as many as
	mostFDs    = 12               // come with some connections more,
	mostGos    = 60               // a connection having a handful of goroutines
)

// sample is what a node held at one moment.
type sample struct {
	at         time.Duration // since the beginning
	rss, heap  float64       // bytes
	fds        float64
	goroutines float64
	cpu        time.Duration // so far
}

// settled leaves out the time in which a node grows to its working size: a third of
// the whole, and ten minutes at most.
func settled(all []sample) []sample {
	if len(all) == 0 {
		return nil
	}
	warm := min(all[len(all)-1].at/3, 10*time.Minute)
	from := slices.IndexFunc(all, func(s sample) bool { return s.at >= warm })
	return all[from:]
}

// slope fits a straight line to a quantity, and returns by how much it grows in an hour,
// with the standard error of that. Both are 0 for fewer than 3 samples.
func slope(list []sample, of func(sample) float64) (perHour, deviation float64) {
	n := float64(len(list))
	if n < 3 {
		return 0, 0
	}
	var mx, my float64
	for _, s := range list {
		mx, my = mx+s.at.Hours()/n, my+of(s)/n
	}
	var sxx, sxy, rest float64
	for _, s := range list {
		x := s.at.Hours() - mx
		sxx, sxy = sxx+x*x, sxy+x*(of(s)-my)
	}
	if sxx == 0 {
		return 0, 0
	}
	perHour = sxy / sxx
	for _, s := range list {
		d := of(s) - my - perHour*(s.at.Hours()-mx)
		rest += d * d
	}
	return perHour, math.Sqrt(rest / (n - 2) / sxx)
}

// ends returns the medians of a quantity over the first and the last quarter.
func ends(list []sample, of func(sample) float64) (first, last float64) {
	quarter := (len(list) + 3) / 4
	return median(list[:quarter], of), median(list[len(list)-quarter:], of)
}

func median(list []sample, of func(sample) float64) float64 {
	if len(list) == 0 {
		return 0
	}
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// growth says what a node that was never struck holds too much of at the end. memory
// says whether that is judged too.
func growth(all []sample, memory bool) (faults []string) {
	list := settled(all)
	if len(list) < 3 {
		return []string{"what it holds was not measured"}
	}
	span := list[len(list)-1].at - list[0].at
	per, deviation := slope(list, rssOf)
	if memory && span >= leastSpan && per-2*deviation > mostMemory {
		faults = append(faults, fmt.Sprintf("its memory grows by %.1f ± %.1f MiB an hour", per/(1<<20), deviation/(1<<20)))
	}
	for _, q := range []struct {
		what string
		of   func(sample) float64
		most float64
	}{{"descriptors", fdsOf, mostFDs}, {"goroutines", goroutinesOf, mostGos}} {
		if first, last := ends(list, q.of); last > first*(1+mostRise)+q.most {
			faults = append(faults, fmt.Sprintf("it has %.0f %s, and had %.0f", last, q.what, first))
		}
	}
	return faults
}

func rssOf(s sample) float64        { return s.rss }
func heapOf(s sample) float64       { return s.heap }
func fdsOf(s sample) float64        { return s.fds }
func goroutinesOf(s sample) float64 { return s.goroutines }
