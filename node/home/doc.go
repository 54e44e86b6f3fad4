// Package home is the folder that a node keeps everything in: its form and its lock, the
// room on its disk, and the log of a node in the background.
package home
