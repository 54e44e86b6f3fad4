// Package row is what a row of the table of figures is, how its figures are judged by its
// goals, and how the table and its JSON are written. It measures nothing.
package row
