//go:build race

package member_test

// tries are fewer where each takes ten times as long.
const tries = 100_000
