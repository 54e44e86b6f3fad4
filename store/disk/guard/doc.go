// Package guard is the file system under Pebble. It keeps a ledger of what must be found
// at the next opening, so that damage is told from a crash, and freezes the folder when a
// write fails, so that nothing is acknowledged that is not on the disk: package disk says
// why. It knows files and no records.
package guard
