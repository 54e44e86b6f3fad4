package room

import "errors"

// Outcomes that are not success. Test for them with errors.Is.
var (
	ErrNoUser    = errors.New("no such user lives on this node")
	ErrNoRoom    = errors.New("no such room: see `phyllo room list`")
	ErrAmbiguous = errors.New("several rooms have this name: name it by its id, see `phyllo room list`")
	ErrNotMember = errors.New("you are not a member of this room: ask one of its admins for an invitation")
	ErrNotAdmin  = errors.New("only an admin of the room can do this: ask one, see `phyllo room list`")
	ErrNotOwner  = errors.New("only the owner of the room can do this")
	ErrOwnerGoes = errors.New("the owner cannot leave the room before it is handed over: make somebody else the owner first")
	ErrNoKey     = errors.New("the room's key is not here yet, and nobody who has it can be reached: try again when another member is there")
	ErrNoName    = errors.New("a room needs a user with a name, by which others find him: see `phyllo user add`")
	ErrPartial   = errors.New("what the room has become since you had it last is not here yet, and what you change now would be lost: try again when another member is there")
	ErrLongLog   = errors.New("the room's log is longer than storage keeps of one (256 packs of up to 1 MiB): what came last is with the members alone, so make a new room for what is to be stored, too")
	ErrMany      = errors.New("too many rooms: leave one first")
	ErrWords     = errors.New("this cannot be said in a room")
	ErrNoMember  = errors.New("nobody of this name is in the room: see `phyllo room list`")
	ErrAway      = errors.New("none of his computers can be reached now: name another member of the room, or try again when he is there")
	ErrNoPublic  = errors.New("he is in no public room of this name: see `phyllo room find NAME`")
	ErrNoEntry   = errors.New("the room has no such message")
)
