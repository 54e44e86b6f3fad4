//go:build !race

package worse

const race = false
