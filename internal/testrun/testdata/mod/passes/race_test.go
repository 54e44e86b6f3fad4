//go:build race

package passes

const race = true
