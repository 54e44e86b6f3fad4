// Package storage has the commands about files that the ring keeps: put, get and their
// like, spaces, and the keys of the doors through which other programs come.
package storage
