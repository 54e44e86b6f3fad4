// Package clients drives the doors of a node with libraries of others. It is in a module of its own, so that
// phyllo does not depend on them.
package clients
