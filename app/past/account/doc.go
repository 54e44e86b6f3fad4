// Package account keeps the accounts by which storage is shared fairly, without a
// smartcard and without a bank (PAST, SOSP 2001, 2.1 asks for the first; Ngan, Wallach and
// Druschel, IPTPS 2003, weigh the second).
//
// # Accounts
//
// An account belongs to a member: to a certified nodeId, not to a key that anybody can
// make. It is a set of debits (package voucher), each signed by the member, less the charges
// in them that were given back. What is used is the sum of that; nobody writes a balance.
//
// Its keepers are the k nodes nearest to the member's nodeId, and the member itself, which
// has no vote, unless it is alone. A keeper takes over what its fellows have: a debit, as it
// is signed; that a charge was given back, when so many of them say it that one is honest.
// Who does not keep an account any more gives it up when all have it who do.
//
// # Vouchers
//
// The member asks all keepers for their votes, which make a voucher when they are a
// majority. A keeper charges the debit, in memory, and only then tells the other keepers of
// it, who charge it too, on their disks, and say what else they have charged of late. What it
// did not know it fetches. It votes when the debit is on its own disk, if the account, with all
// that, is within its limit.
//
// So there is no order of debits and nothing to agree on: one member alone spends from an
// account, and for that no consensus is needed (Guerraoui et al., The consensus number of a
// cryptocurrency, PODC 2019), only that nobody votes before the others know. If two debits
// together exceed the limit and meet different keepers first, of any two honest keepers
// that can reach each other one knows of both before it votes: not both get a majority,
// though fewer than half of the keepers lie and the member with them. The rulings by
// which storage decides mutable objects would not do here: their root is believed about the
// order, and an account's root is the member itself.
//
// # Slips
//
// A voucher is good for an hour; the debit pays for as long as its objects live. What lies
// beside an object and goes with it from holder to holder is a slip (voucher.Slip), which names
// the charge, and the keepers of the account say whether it is true (Verify): the account
// was charged, has not been given it back, and was within its limit then. For that a keeper
// remembers of each debit how it stands (package standing), as it has to charge those that a
// fellow tells of in any case.
//
// # Apart
//
// Honest keepers that cannot reach each other for a while may vote for both, if there are
// liars among the rest. This is found when they meet: both debits are charged, the account is
// overdrawn (Overdrawn) by what those votes were worth at most, and gets no votes until
// it is not.
//
// While the ring is parted, each part has its own keepers, who know what they have heard of:
// a member that can choose its part has its limit in each of them. This, too, is found when
// the parts meet.
//
// Where half of the keepers or more lie for a member, holders take what these vote for, as far as they have room.
// The other keepers find what they hear of, if it is more than all that the member says that it offers would allow it: who
// says that he offers more than he has is not found so. Of what they
// do not hear of, holders find it. In each round a holder asks all who keep an account about some slips of what it has
// (inspect.go): if some know of a debit and others deny it, it asks about the same slip in each round, and after
// three in which they have not agreed it is told of (Disputed), until they do or the object is not kept any
// more. Nothing follows from that by itself, as one keeper that denies all could do the same to an
// honest member.
//
// # How much is remembered
//
// What was given back costs nothing, and is remembered for Config.Forget, as its holders remember that it
// was reclaimed; what has ended by itself for four days, until they have erased it. So an account may name no more
// than Config.MaxCharges objects in MaxDebits debits, those included; who reaches that is told when the
// first of them will be forgotten. It bounds how many reclaimed objects holders remember for one member, to twice
// as many, as what was paid for longer ago than Config.Forget does not count once it is reclaimed. Keepers have at
// most 2 MaxDebits debits of an account with all their charges: what does not count stays in its debit while
// something else of that is kept.
//
// # Giving back
//
// Where an object is not kept, or not for this debit, its holders say so in releases, and a
// majority of them makes the keepers give the charge back: after a reclaim at once, and for
// what was never stored when the voucher can be used no longer. Objects that end by
// themselves stand under debits that end with them (Debit.Until), without being asked.
// A keeper that missed it hears it from the others, and the member, when it sees one that
// does not know, asks for releases again. It also looks at some of its charges in each round,
// as an owner may have reclaimed on another of his machines what this one pays for.
//
// # The limit
//
// A member may use a gift and as much as it offers, less a sixth, both for Copies replicas. An
// offer counts up to Config.Free, and beyond that twice what the keeper has seen the
// member store: objects that both should keep, of which the member is asked for proofs. The
// keepers see different parts of it, and a majority decides.
//
// # Use
//
// Accounts is an application of a node (kbr.App) beside the storage, which hands it a
// Storage. For tasks of the node:
//
//	func (*Accounts) Pay(t, charge, until) (*voucher.Payment, error)   // the member
//	func (*Accounts) Refund(t, object) error
//	func (*Accounts) Stored(payment)
//	func (*Accounts) Admit(t, payment, certificate) error              // a holder
//	func (*Accounts) Slip(payment) *voucher.Slip; PutSlip(batch, slip)
//	func (*Accounts) Verify(t, slips, timeout) ([]voucher.Verdict, error)
//	func (*Accounts) Balance(t) (Balance, error)                       // what df shows
//
// # What it rests on
//
// That fewer than half of an account's keepers, and of an object's holders, lie: nobody
// chooses his place on the ring. A member that was alone in its ring, and had its own word
// for what it offers, has it for what it stored then, too.
package account
