//go:build race

package simtest

// Race tells that the race detector is on. It makes a simulation eight times as long
// and finds nothing there, as all of it is one goroutine: what is large, or is done
// many times, is then done small or seldom. "make test" runs it in full without the detector.
const Race = true
