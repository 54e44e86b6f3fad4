// Package events hands the events of a node on to the programs that follow them, each at its
// own pace.
package events
