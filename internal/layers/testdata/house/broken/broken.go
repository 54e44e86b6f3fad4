// Package broken does not compile.
package broken

// N is no number.
const N int = "no" // want: compile
