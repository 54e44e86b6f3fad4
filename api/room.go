package api

import (
	"context"
	"time"
)

// Rooms is group chat. Where a room is named, it is by its name, with or without # before it,
// or by its id or the first 6 or more digits of that; Usage if several rooms of the user have
// the name.
type Rooms interface {
	// RoomList returns the user's rooms, those he has left, and his invitations.
	RoomList(ctx context.Context, user string) ([]Room, error)
	// RoomCreate makes a room with the user as its owner.
	RoomCreate(ctx context.Context, q RoomCreate) (*Room, error)
	// RoomInvite makes a person a member.
	RoomInvite(ctx context.Context, q RoomWho) error
	// RoomFind returns the public rooms that somebody is in, by asking his nodes; Unreachable
	// where none of them answers.
	RoomFind(ctx context.Context, q RoomFind) ([]RoomFound, error)
	// RoomJoin accepts an invitation, or joins a public room, which is named as NAME/ROOM by
	// anybody who is in it.
	RoomJoin(ctx context.Context, q RoomQuery) (*Room, error)
	// RoomLeave takes the user out of a room, or sends an invitation away.
	RoomLeave(ctx context.Context, q RoomQuery) error
	// RoomRole changes what a member is.
	RoomRole(ctx context.Context, q RoomRole) error
	// RoomRename gives the room another name.
	RoomRename(ctx context.Context, q RoomRename) error
	// RoomSet changes what the user has set in a room.
	RoomSet(ctx context.Context, q RoomSet) error
	// RoomSay says something. When it returns, it is on this node's disk and on its way.
	RoomSay(ctx context.Context, q RoomSay) (*RoomSaid, error)
	// RoomHistory returns what was said, the first first; the same for all members.
	RoomHistory(ctx context.Context, q RoomQuery) ([]RoomMessage, error)
	// RoomRead tells that the user was shown all that was said so far.
	RoomRead(ctx context.Context, q RoomQuery) error
}

// Roles of members.
const (
	RoleOut    = "out"
	RoleMember = "member"
	RoleAdmin  = "admin"
	RoleOwner  = "owner"
)

// Room is a room of a user, or an invitation to one.
type Room struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Public  bool         `json:"public,omitempty"`
	Role    string       `json:"role"` // of the user
	Joined  bool         `json:"joined"`
	Invited string       `json:"invited,omitempty"` // who invites, where the user has not answered
	Unread  int          `json:"unread,omitempty"`
	Members []RoomMember `json:"members,omitempty"`
	// Trouble says what is wrong with the room, in words.
	Trouble string `json:"trouble,omitempty"`
	// Silent: the others are not told what the user has received and read.
	Silent bool `json:"silent,omitempty"`
	// Stored: members keep the log in the ring's storage, too. Then Entries is how many entries it
	// has, and Unstored how many of these are not known to be there yet.
	Stored   bool `json:"stored,omitempty"`
	Entries  int  `json:"entries,omitempty"`
	Unstored int  `json:"unstored,omitempty"`
	// Unlisted: the user's keys alone would not lead to the room yet, as the list of his rooms in the
	// ring's storage is not known to have it.
	Unlisted bool `json:"unlisted,omitempty"`
	// StorageTrouble says why what belongs into the ring's storage could not be put there, or looked
	// for, when that was tried last, and what helps. It is tried again where that helps.
	StorageTrouble string `json:"storage_trouble,omitempty"`
	// Looking: what storage has of the room was not compared since the node started, so Unstored and
	// Unlisted are not known yet, and not set.
	Looking bool `json:"looking,omitempty"`
	// Waiting: the user has joined, and neither who is in the room nor what was said has come yet. It does by
	// itself when a member's computer is there.
	Waiting bool `json:"waiting,omitempty"`
}

// RoomMember is somebody in a room.
type RoomMember struct {
	Name string `json:"name"`
	Key  string `json:"key"` // fingerprint
	Role string `json:"role"`
}

// RoomQuery means a room of a user.
type RoomQuery struct {
	User  string `json:"user,omitempty"`
	Room  string `json:"room"`
	Limit int    `json:"limit,omitempty"` // for RoomHistory: the last so many; 0: all, up to 10,000
	// Receipts, for RoomHistory: tell of each message who has it and who has read it.
	Receipts bool `json:"receipts,omitempty"`
}

// RoomCreate is a new room.
type RoomCreate struct {
	User   string `json:"user,omitempty"`
	Name   string `json:"name"` // 1 to 128 bytes
	Public bool   `json:"public,omitempty"`
	Stored bool   `json:"stored,omitempty"` // keep the log in the ring's storage, too
}

// RoomFind asks for public rooms.
type RoomFind struct {
	User string `json:"user,omitempty"`
	Name string `json:"name"` // whose
}

// RoomFound is a public room that somebody is in.
type RoomFound struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Members int    `json:"members"`
	Joined  bool   `json:"joined,omitempty"` // the user is in it, too
}

// RoomWho means a person in a room.
type RoomWho struct {
	User string `json:"user,omitempty"`
	Room string `json:"room"`
	Name string `json:"name"`
}

// RoomRole is what somebody is from now on.
type RoomRole struct {
	User string `json:"user,omitempty"`
	Room string `json:"room"`
	Name string `json:"name"` // of a member, or his fingerprint
	Role string `json:"role"`
}

// RoomRename is a room's new name.
type RoomRename struct {
	User string `json:"user,omitempty"`
	Room string `json:"room"`
	Name string `json:"name"`
}

// RoomSet is what is set in a room; what is nil stays as it is.
type RoomSet struct {
	User     string `json:"user,omitempty"`
	Room     string `json:"room"`
	Receipts *bool  `json:"receipts,omitempty"` // whether the others are told what the user has received and read
	Stored   *bool  `json:"stored,omitempty"`   // for all, by an admin: whether the log is kept in the ring's storage, too
}

// RoomSay is what is said.
type RoomSay struct {
	User  string `json:"user,omitempty"`
	Room  string `json:"room"`
	Text  string `json:"text"`            // empty only to take words back, or with a file
	Reply string `json:"reply,omitempty"` // the id of what is answered
	Edits string `json:"edits,omitempty"` // the id of own words that these replace
	// File is a stored file (FilePut) that goes with it: behind the text come its name, its size
	// and a link as FileShare makes it. Text may be empty then.
	File *FileName `json:"file,omitempty"`
}

// RoomSaid is something that was said.
type RoomSaid struct {
	ID   string `json:"id"`
	Room string `json:"room"` // its id
	Name string `json:"name"` // of the room
}

// RoomMessage is something that was said in a room.
type RoomMessage struct {
	ID      string    `json:"id"`
	From    string    `json:"from"` // the author's name, or his fingerprint where the room has no name of him
	Text    string    `json:"text"`
	SentAt  time.Time `json:"sent_at"` // by the author's clock
	Reply   string    `json:"reply,omitempty"`
	Mine    bool      `json:"mine,omitempty"`
	Edited  bool      `json:"edited,omitempty"`
	Removed bool      `json:"removed,omitempty"` // its author has taken it back
	Locked  bool      `json:"locked,omitempty"`  // its key has not come yet
	Unread  bool      `json:"unread,omitempty"`
	// Receipts are how far it has come, as far as this node knows, where that was asked for.
	Receipts *RoomReceipts `json:"receipts,omitempty"`
}

// MaxReceiptNames is how many members a room may have for receipts to name them.
const MaxReceiptNames = 32

// RoomReceipts is how far a message has come among those who are in the room now, but for its
// author.
type RoomReceipts struct {
	Of          int      `json:"of"`
	Delivered   int      `json:"delivered"`              // those of them on a computer of whom it is
	Read        int      `json:"read"`                   // those who were shown it
	DeliveredTo []string `json:"delivered_to,omitempty"` // their names, in rooms of up to MaxReceiptNames
	ReadBy      []string `json:"read_by,omitempty"`
}

// RoomList implements Node.
func (c *Client) RoomList(ctx context.Context, user string) ([]Room, error) {
	return call[[]Room](ctx, c, "room/list", forUser{user})
}

// RoomCreate implements Node.
func (c *Client) RoomCreate(ctx context.Context, q RoomCreate) (*Room, error) {
	return call[*Room](ctx, c, "room/create", q)
}

// RoomInvite implements Node.
func (c *Client) RoomInvite(ctx context.Context, q RoomWho) error {
	return tell(ctx, c, "room/invite", q)
}

// RoomFind implements Node.
func (c *Client) RoomFind(ctx context.Context, q RoomFind) ([]RoomFound, error) {
	return call[[]RoomFound](ctx, c, "room/find", q)
}

// RoomJoin implements Node.
func (c *Client) RoomJoin(ctx context.Context, q RoomQuery) (*Room, error) {
	return call[*Room](ctx, c, "room/join", q)
}

// RoomLeave implements Node.
func (c *Client) RoomLeave(ctx context.Context, q RoomQuery) error {
	return tell(ctx, c, "room/leave", q)
}

// RoomRole implements Node.
func (c *Client) RoomRole(ctx context.Context, q RoomRole) error { return tell(ctx, c, "room/role", q) }

// RoomRename implements Node.
func (c *Client) RoomRename(ctx context.Context, q RoomRename) error {
	return tell(ctx, c, "room/rename", q)
}

// RoomSet implements Node.
func (c *Client) RoomSet(ctx context.Context, q RoomSet) error { return tell(ctx, c, "room/set", q) }

// RoomSay implements Node.
func (c *Client) RoomSay(ctx context.Context, q RoomSay) (*RoomSaid, error) {
	return call[*RoomSaid](ctx, c, "room/say", q)
}

// RoomHistory implements Node.
func (c *Client) RoomHistory(ctx context.Context, q RoomQuery) ([]RoomMessage, error) {
	return call[[]RoomMessage](ctx, c, "room/history", q)
}

// RoomRead implements Node.
func (c *Client) RoomRead(ctx context.Context, q RoomQuery) error {
	return tell(ctx, c, "room/read", q)
}
