//go:build !race

package member_test

// tries is how many keys are ground in the middle.
const tries = 1_000_000
