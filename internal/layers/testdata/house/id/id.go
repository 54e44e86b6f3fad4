// Package id is the ground of the fixture.
package id

// ID is an id.
type ID int

// Less compares and changes nothing.
func (i ID) Less(j ID) bool { return i < j }
