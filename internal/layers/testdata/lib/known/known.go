// Package known stands for a module of others that pure rooms may use.
package known

// Two is something to use.
const Two = 2
