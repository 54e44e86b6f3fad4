// Package lib stands for a module of others.
package lib

// One is something to use.
const One = 1
