// Package books is what a node's store has of the rooms of its users: of each room its log, its keys, what
// the user was not shown, receipts, and the packs that are this device's; and the invitations that wait.
//
// A Book is one user's of one room. It gets values and returns values, and knows neither the log as a graph nor
// who sends what. Its methods run as work, off the loop. What belongs together goes into one batch, and is
// there as a whole or not at all.
//
//	book.go  the tables of one room, and what is written there
//	load.go  all of it, as a node reads it when it starts
//
// Tables begin with room, and every key with the user's identity key and the room's hash, so that users of
// one node have nothing in common.
package books
