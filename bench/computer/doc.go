// Package computer says which machine figures are of, how busy it was, and what this process
// has used of it.
package computer
