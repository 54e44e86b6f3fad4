// Package cause makes one error out of many that often have one cause: a ring
// whose disks are full refuses each of the hundreds of pieces that were on the
// way to it, with the same words. A person wants to read these once.
package cause
