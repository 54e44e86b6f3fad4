//go:build !race

package pastry_test

const racing = false
