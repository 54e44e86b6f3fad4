// Package plain is how things are said to a person: sizes, times, lists of names, and
// what comes from others, of which nothing reaches a terminal that it would obey.
package plain
