// Package dag is the log of one room as one member has it: entries that name the entries
// before them, so that they form a directed graph without circles, and grow by what others
// send in any order. It knows neither store nor network; bodies of words are not kept here.
//
// Two members who have the same entries see the same room: the same order, the same members,
// the same current epoch, whatever came first. Nothing in a log is ever taken out; it is not
// shown instead.
//
// # Order
//
// Entries stand by their depth, and those of one depth by their hash: each after all that
// its author had seen. An entry that comes late, from a part of the ring that was away, may
// so stand before what was read already.
//
// # Who may what
//
// The founder is the owner until he hands the room over. What the owner says of somebody's
// role counts always, what an admin says counts of those who are not admins. Of two changes of
// one person the higher number holds, then the lower role, then the first in order; numbers
// beyond what the log can have led to do not count, so nobody makes one that cannot be
// followed. Who is put out keeps what the author of the change had seen of him (its cut); all
// else of his is not shown, and what he did as an admin has no effect: to write as if one did
// not know yet helps nobody.
//
// # What it does not stop
//
// An author who writes two entries with one number (a fork) is seen as such, and both are
// kept, up to MaxForks of them. A former owner who forks his own stream at the very place
// where he handed the room over can take it back: members see two owners after each other,
// and the fork. Times are their authors' and order nothing.
package dag
