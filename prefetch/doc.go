// Package prefetch lets a processor fetch memory that will be read soon, while it goes on.
// It changes nothing that a program computes, and may be left out anywhere.
//
// A simulation of many nodes waits for memory: each event comes to a node that was not
// touched for long. What the next events will touch is known, so it can be on its way
// when they happen. Where there is no instruction for it these functions do nothing.
package prefetch
