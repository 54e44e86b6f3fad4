// Package cache decides which copies of objects a node keeps in the room that its replicas
// leave (PAST, SOSP 2001, section 4): GreedyDual-Size, and for comparison the least recently
// used, and nothing. A cached copy is worth a hop to somebody and is promised to nobody: it goes at
// once when a replica needs its room.
//
// GreedyDual-Size (Cao and Irani, 1997) gives each copy a weight of 1/size above the
// weight of the copy that went last, when it comes and again with each hit. The one with the least weight
// goes first. So a copy that nobody asks for ages as others go, and in the room of
// one large copy many small ones are kept, which is what hits are counted by.
package cache
