// Package upkeep is how what a room has in the ring's storage stays there: the packs of its log are made,
// joined, made anew before they end and given back, and heads under keys of before are made to lead to the current one. Who asks whether what is stored of a room can be lost, or is
// left lying, reads one room, which knows no member's node.
//
// An Upkeep is one device's part in that for one room. It sees the log, its book in the store and the shelf,
// and works on heads: it gets one as it was read, and makes it name packs that hold more. Whether that is written is
// the business of whoever calls.
//
// All members who are there look after a room in turns, without a word among them: Order says how many
// come before the user, for each thing in another order. What ends by itself is made anew by the first of them while
// 120 of its 200 days are left, by the next where two days less are, and so on (Due).
//
//	upkeep.go  what a device knows, whose turn it is, and packs that are read
//	pack.go    packs that are made, joined, packed anew where one was lost, and given back
//	renew.go   packs that are made anew before they end
//	head.go    the current head, brought up to date
//	letters.go how heads lead from key to key, and the letters by which they do
package upkeep
