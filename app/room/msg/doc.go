// Package msg is what the nodes of a room's members say to each other: messages with their limits, and how marks and
// hashes of a log stand in them.
package msg
