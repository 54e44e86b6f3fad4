// Package census asks all nodes of a ring one question, and brings the answers home: a
// count of what the ring is, and a list of the people in it whose names fit a pattern. It
// is the list of users that PastryIM promised and never had, and a search in the manner of
// Gnutella without its flood.
//
// # How a question spreads
//
// As a broadcast does (kbr's Broadcast, whose division kbr.Endpoint.Divide gives): who is
// asked about a range of ids cuts it at the nodes that it knows there, and asks each about
// its part. So each node is asked once, and a question to n nodes takes n-1 questions and
// n-1 answers; its depth is that of a route. Unlike a broadcast, each question has an
// outcome. Who does not answer is gone around: its part is divided anew without it.
//
// # How answers come back
//
// To who asked, who adds them up: what comes home is one sum for each node that the asker
// knows. Records do not add up, so an answer carries what fits, and names the ranges, and
// the place within a node, where there is more; the asker asks on there. So the asker sets
// the pace, and no node holds more than one answer's worth for anybody.
//
// A question has a time. Each node gives those it asks a part of what it has left, so that
// it can go around one of them and still answer. What did not come in time is said: the
// outcome is "so many of about so many nodes answered", never a silent gap. Who has not
// answered for a second is asked whether it is there at all.
//
// # Who is believed
//
// Counts are what nodes say of themselves, and a member can say what it likes; but it cannot
// speak for many: an answer for a range that counts far more nodes than can lie there, or in
// a large one far fewer, is thrown away, and the range is asked again without its author.
// Records are signed by the people themselves, and each is listed by two of its keepers.
//
// What this does not stop: who is asked about a part can leave out some of what lies in it,
// and say that nothing is there; the asker splits the ring between all nodes that it knows,
// so this is a small part. And a liar can list a record that never stood, of a name in his
// part. A list is for finding names: who writes to a name asks its keepers, as ever (package
// directory).
//
// # What it costs others
//
// One question makes all nodes work, so it is limited: by its origin and by the neighbour
// who hands it over, as broadcasts are, and for each node in all. A node may decline to
// be counted with what it has (Config.Facts), and a person to be listed (the directory's
// Profile.Unlisted).
//
// # Use
//
//	func New(Config) (*Census, error)
//	func (*Census) Count(t *task.T) (Sum, Answered, error)
//	func (*Census) Users(t *task.T, q Query, each func([]*directory.Record) bool) (Answered, error)
package census
