//go:build race

package member_test

// tries are fewer where each takes many times as long.
const tries = 20_000
