// Package demo has the command demo: a ring of real nodes in one process, with people
// on it who talk while nodes die and join.
package demo
