// Package maps loops over maps in orders that show.
package maps

import (
	"maps"
	other "maps"
	"reflect"
	"slices"
)

// Each calls something in the order of the map.
func Each(m map[int]int, f func(int)) {
	for k := range m { // want: map range
		f(k)
	}
}

// Unsorted returns what it collected.
func Unsorted(m map[int]int) (out []int) {
	for k := range m { // want: map range
		out = append(out, k)
	}
	return out
}

// Late sorts too late.
func Late(m map[int]int) []int {
	var out []int
	for k := range m { // want: map range
		out = append(out, k)
	}
	first := out[0]
	slices.Sort(out)
	return append(out, first)
}

// Some keeps any three.
func Some(m map[int]int) []int {
	var out []int
	for k := range m { // want: map range
		if len(out) < 3 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// One returns any.
func One(m map[int]int) int {
	for k := range m { // want: map range
		return k
	}
	return 0
}

// Float adds up rounding errors in the order of the map.
func Float(m map[int]float64) (sum float64) {
	for _, v := range m { // want: map range
		sum += v
	}
	return sum
}

// Last keeps the last.
func Last(m map[int]int) (last int) {
	for _, v := range m { // want: map range
		last = v
	}
	return last
}

// Trim deletes until few are left.
func Trim(m map[int]int) {
	for k := range m { // want: map range
		if len(m) > 3 {
			delete(m, k)
		}
	}
}

// Swap fills a map under another key.
func Swap(m map[int]int) map[int]int {
	out := map[int]int{}
	for k, v := range m { // want: map range
		out[v] = k
	}
	return out
}

type counter struct{ n int }

func (c *counter) next() int { c.n++; return c.n }

// Number calls a method that changes something.
func Number(m map[int]int, c *counter) map[int]int {
	out := map[int]int{}
	for k := range m { // want: map range
		out[k] = c.next()
	}
	return out
}

// Hidden changes something in a function that it hands over.
func Hidden(m map[int]int, all []int) int {
	rounds := 0
	for k := range m { // want: map range
		if slices.ContainsFunc(all, func(x int) bool { rounds += x - k*rounds; return false }) {
			delete(m, k)
		}
	}
	return rounds
}

// Late2 calls a function that it was given.
func Late2(m map[int]int, keep func(int) bool) {
	for k := range m { // want: map range
		if !keep(k) {
			delete(m, k)
		}
	}
}

// Stop deletes some and leaves.
func Stop(m map[int]int) bool {
	for k, v := range m { // want: map range
		if v == 0 {
			return true
		}
		delete(m, k)
	}
	return false
}

// Generic ranges over what may be a map.
func Generic[M ~map[K]V, K comparable, V any](m M, f func(K)) {
	for k := range m { // want: map range
		f(k)
	}
}

// Iterators hide the loop.
func Iterators(m map[int]int) []int {
	for k := range maps.Keys(m) { // want: map range
		_ = k
	}
	_ = reflect.ValueOf(m).MapKeys()       // want: map range
	return slices.Collect(other.Values(m)) // want: map range
}
