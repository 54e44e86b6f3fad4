// Package x is a tool.
package x

import "fixture.test/house/edge"

// Run runs.
func Run() { go edge.Run(nil) }
