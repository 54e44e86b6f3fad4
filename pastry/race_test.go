//go:build race

package pastry_test

// racing tells that the race detector is on, which makes simulations many times
// slower: the largest are then smaller.
const racing = true
