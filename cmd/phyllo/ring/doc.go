// Package ring has the commands about a ring as a whole: who is let in and put out, what
// it consists of and how one gets through it, what its table keeps, and what this node
// offers to it.
package ring
