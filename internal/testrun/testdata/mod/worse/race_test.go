//go:build race

package worse

const race = true
