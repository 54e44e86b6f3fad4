//go:build !race

package simtest

// Race tells that the race detector is on; see race.go.
const Race = false
