// Package office is how the root of a mutable object decides which of its versions is
// current: its terms, and what it tells the holders.
//
// # The rule
//
// The k nodes nearest to an object are its holders; the nearest, the root, decides. The rule
// is that of Paxos (Lamport, 1998) for a single value, with holders that change: two sets
// decide together while they do, as in the joint consensus of Raft (Ongaro and Ousterhout,
// 2014, section 6).
//
//   - A root acts in a term, a number with its own id. It takes office by a promise of a
//     majority of the k nearest, durable before the answer, to take no ruling of an
//     earlier term that names the holder. With the promise comes what the holder has.
//   - A ruling is {term, number in the term, version, holders, holders before}, signed by
//     the root. It is complete when a majority of each set that it names has it, or a later
//     one, on their disks. What is current is the version of the latest complete ruling.
//   - A root in office follows the latest ruling that it hears of. For that it needs a
//     promise of a majority of each set that this one names; if it hears of a later ruling
//     meanwhile, it asks that one's holders too. What it follows it rules again, in its term:
//     first as it was, if it names holders before and is no more than half done; then for
//     the holders of now, with those of the ruling before as the holders before; then for
//     the holders of now alone. After that it may rule that another version is current.
//   - It gives no ruling before its last one in the term is complete.
//   - A holder that the root has not heard is named without its disk: it is in no majority
//     that has this ruling, and may promise the next root all the same, on whatever disk.
//     When it takes a later root's ruling it counts among the holders before, too. So should
//     it lose that disk as well, while those others are away that have this later ruling,
//     it could help somebody to an earlier one.
//   - A node that lost its disk has lost its promises. Its disk's life has another number,
//     which rulings name with the node: it is another holder. To hear of a new ruling it is
//     not needed, as it will tell nobody of the old one.
//   - That there is no such object is believed when, of the 2k nearest nodes, so few are
//     silent, new, or went away lately that they are no majority of any k of them. Where those who are
//     there are fewer than k, its first holders are those, too, who are away: so the majority that makes it
//     meets each other majority that could be sure so, also when these are back. Among those who are away counts whoever
//     is out of sight and not lost, for however long, unless a majority of all was there when he had been gone for
//     past.Config.Absence (missed.Circle). Such a one is still named where those who are there are a majority with him, too.
//   - A reader asks the k nearest and believes the latest version if it is not on the move
//     and a majority of the holders has it. If not, something is half done, and the root is
//     asked to take office, which completes it; then the reader asks again. If a minority shows later rulings still,
//     it believes the one that a majority of its holders shows. So a root forgets a ruling that puts a
//     lower version in the place of such a one: no honest root gives it.
//
// # Why a change is never lost
//
// Each ruling follows one other, the last of its term before it, or the one that its root
// took over. So all rulings about an object form a tree, and the versions along a branch do
// not go back. What must be shown is that complete rulings lie on one branch.
//
// Let two branches part after ruling a, and let A be its holders. On a branch, the ruling
// after a names A among its sets, and the next one too, and so on up to the first complete
// one: a root takes over all sets of a ruling that may be half done, and leaves none out
// before its own is complete. So both of the following hold for each of the branches:
//
//	(1) Its first complete ruling after a, if there is one, is on the disks of a majority of A.
//	(2) Who takes over a, or a ruling before that first complete one, has promises
//	    of a majority of A.
//
// Suppose that both branches had complete rulings, the first of them y on one and z on the
// other, z in the earlier term. On the way from a to y somebody was the first to take
// office in a later term than z's. By (2) he had promises of a majority of A, and by (1) one
// of these nodes had z, or took it afterwards. It cannot have taken it afterwards, as it had
// promised not to. So he heard of z, and followed nothing earlier: he is on z's branch, and
// not on y's. That is a contradiction.
//
// In the same way nobody follows a ruling q of one branch when y is complete on the other.
// Up to q nothing is complete on q's own branch, so by (2) whoever takes q over has
// promises of a majority of A, and hears of y: q must be later than y. But then the first on
// q's branch who took office in a later term than y's heard of y, too, and followed it.
//
// A reader sees a ruling that is complete, so he reads no version that could be left out, and
// no earlier one than any that was acknowledged before he asked.
//
// # When parts of a ring meet
//
// That there is no such object is believed where nobody near has it, and so in each of two
// parts that cannot see each other. Each may make it, and then there are two trees, with an
// argument as above for each alone. So a ruling names its tree (Ruling.Origin), and trees become one:
//
//   - The first version of a tree is a draft until a majority of its sets has it; only then is
//     it ruled for good, and only then is anybody told. A draft that its root left behind in a
//     minority is followed if nothing else is heard of, and else is nothing: so within one part there
//     are no two trees of which anything was acknowledged.
//   - A root hears of the latest ruling of each tree, and asks the holders of all. It goes on
//     with the trees of whose sets it has a majority; one at least. Trees of which it has none
//     are left as they are, with those who have them: their holders may be going on somewhere.
//   - If there are several, a new tree begins. Its version is the highest, or of equal ones that
//     with the smaller hash: the same for whoever brings them together. The others are its
//     rivals. Its rulings name the points of the trees that met (Ruling.Absorbed), and it is a
//     draft until a majority of all sets of all of them has it.
//   - A holder takes a ruling only with all the rivals that it names, or that it has itself as
//     what was current so far, in one batch. What a ruling of another tree takes the place of,
//     and does not stand for, stays with the holder as a rival. A draft takes the place of
//     nothing that it does not stand for.
//
// Nothing acknowledged is lost by that. What was acknowledged in a tree is on the disks of a
// majority of its holders, in its last version. Such a holder gives it up for a later ruling of
// the same tree, which follows it; or for one that stands for it, which names that point of
// the tree, or a later one, and keeps its version as the current one or as a rival; else
// it stays, and all holders get it from each other, the root too. Then that one knows of a tree of
// which the ruling of now does not, and takes office. If a tree went on beyond the
// point that was absorbed, its later ruling is not stood for, and they meet once more.
//
// When three meet, two at first and one later, the same holds: the new tree is one like any.
// A root that dies between leaves a draft, or a ruling that came to a minority. The draft is
// followed if it stands for all that is heard; else it is nothing, as the trees that met in it are still
// there: a draft makes no holder forget. A ruling that came to a minority has a version whose hash each
// tree that is made of the same ones names among its points, so it is stood for. Once a new
// tree is complete, a majority of each old set has it and takes no ruling of an earlier term, so
// none of the old trees goes on, and from there on all is as above for one tree. Only where a
// tree could not be asked does it go on: what comes of it meets again.
//
// Leases are not needed for this: two who believe that they are the root disturb each
// other, and decide nothing different. That a lease lets one alone be root makes them
// seldom.
//
// # Where a majority is away
//
// Where a majority of the holders is away nothing is decided that wants one: changes and reads fail
// until they are back. Who agrees to less (Mode Apart) goes on without them soon after the verdict that they
// are gone: half a minute, in which one who was slow, or changed the network, is back. A branch costs little, as
// it is none any more when they meet, where one side alone has gone on; and whoever waits for longer does
// not know whether anything works. (That replicas are made anew costs more, and waits for longer.)
// It is the moment, too, from which those who are left make new objects by themselves, where they are
// fewer than an object has holders, so that each would have it. In larger rings, and for who has not agreed
// to less, only those are passed over who are given up (Holder.Away).
//
//   - A root which has the promise of a majority of the k nearest that are there, and of no known tree
//     that of a majority of its holders, of whom so many are neither heard, nor in sight, nor were so a moment
//     ago, begins a tree, with the first of the versions that it knows; its holders are those that are there.
//     Its rulings name the points of the trees that it left, and how many holders they have
//     (Absorbed.Left): by that all see that it is apart.
//   - Where each node would have the object, and it is made though a majority of all is away, its rulings name
//     those who are away, or not sure, as what was left. It is apart until a majority of these nodes has spoken. So
//     it is for as long as they are away, and not lost, or others have come who are so many (2k) and so near that they would not
//     be among those who are asked. Where they went one by one, each time with a majority of those
//     who were left, the few who are there are all: what they keep has moved to them, and they wait for nobody. Who is new
//     and comes to them does not make them more, unless they are as many by that as an object has holders.
//   - A holder gives up what a majority has ruled for a ruling that is apart only if that names the
//     holder, left the tree at just that point or a later one, and no majority is in the holder's own sight.
//     Even then it keeps what it gives up, until the tree is apart no more.
//   - A tree that is apart does not stand for what it left: a root that hears of both asks the holders
//     of both, and where it has a majority of each they meet as above. What the one has grown from is
//     no rival of it. So where nobody else went on the new tree simply goes on, and is apart no more.
//   - A draft that was left is kept for that, too, besides. When a majority of its sets has spoken, and nobody knows
//     of anything later in its tree, nothing came of it.
//   - A ruling of which somebody knows that there was a later one in its tree, as he left that later one, is
//     not followed, whoever promises it: it is waited for who has that.
//
// Among trees that are not apart all is as before: none of their complete rulings is passed over. Let y
// be one, of holders A, and let somebody take over an earlier ruling of that tree, with the promises
// of a majority of A. One of these had y on its disk. If it has it still, or what came after, it tells of it. If it
// gave it up for a tree that is apart, this one left y's tree at y or later, and it tells of that: so the earlier
// ruling is not followed. And no tree that is apart goes on as one that is not before a majority of A has
// promised, and so has told what came after the point that it left; or before it meets a complete tree, not apart itself, that has taken y's
// tree over with the promises of such a majority. If that was at an earlier point than the one it left, the later one was
// never complete, and never will be: none of that majority had heard of it, and now they have the tree that took over.
//
// When such trees meet, the higher version is current, and of equal ones that of the majority. So a reader's number
// never goes back, on whatever side he was; and a version of a majority gives way to a higher one alone, stays
// as its rival, and its writer is told. A root that lies gains little by it: the versions are the owner's,
// honest holders who see a majority refuse its rulings, and who wanted a majority is not content with them.
//
// Holders that lost their disks have forgotten what they had: when all others of their set have
// spoken there is nobody to wait for, and the object goes on with what these have.
//
// Who was expelled is taken for lost like a disk, and so is who has been out of sight for very long (thirty days,
// past.Config.LostAfter). But he may be there all the same, and go on in a part of the ring that does not know
// of it. So what follows a ruling without the majority of its holders for that reason is another tree, which names the
// point that it follows, and is not apart: changes and reads that want a majority are answered again. If the other
// tree has gone on beyond that point they meet as any two do, and of both sides' versions none is lost. What is
// not kept then is what a condition promises alone: that nobody else has replaced the same version.
//
// What it rests on: that a root is honest about the order of versions. It cannot invent
// one, nor make a reader go below what a majority of the honest has, but a member near the
// object can rule late terms and hold it up, for as long as it does so: not while a root nearer to the object is at work, as
// for ten seconds after such a one was heard of holders promise nothing to a node that is farther (Sittings). Nor can it
// do that once and for all: nobody promises a term whose count is above the time of day in milliseconds (certificate.Term.InTime), so there is
// a later one for the next root a moment later.
//
// A root whose clock is slow follows what others have promised up to Config.Skew (an hour) ahead of its own time, as holders
// promise no more than that: what it only hears of beyond that one liar could have made up, and every holder
// would refuse it. What no more than a minority says it follows up to its own time of day, and in the last of a few tries not
// at all: else a liar could drive it to a term that holders refuse whose clocks are behind the root's. Only where it has no majority
// without them it goes by what they say, once: in a time without a root anybody near may have led a few to promise so much. So where holders have rightly promised more, as their clocks are ahead of the root's, it
// rules nothing until its time has come so far, or another node is root.
package office
