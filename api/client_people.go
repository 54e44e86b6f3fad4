package api

import (
	"context"

	"github.com/phyllo-net/phyllo/id"
)

// UserList implements Node.
func (c *Client) UserList(ctx context.Context) ([]User, error) {
	return call[[]User](ctx, c, "user/list", none{})
}

// UserAdd implements Node.
func (c *Client) UserAdd(ctx context.Context, q UserRequest) (*User, error) {
	return call[*User](ctx, c, "user/add", q)
}

// UserFind implements Node.
func (c *Client) UserFind(ctx context.Context, name string) (*User, error) {
	return call[*User](ctx, c, "user/find", forName{name})
}

// UserEdit implements Node.
func (c *Client) UserEdit(ctx context.Context, q UserRequest) (*User, error) {
	return call[*User](ctx, c, "user/edit", q)
}

// UserKeys implements Node.
func (c *Client) UserKeys(ctx context.Context, q Who) (*KeyPair, error) {
	return call[*KeyPair](ctx, c, "user/keys", q)
}

// UserVerify implements Node.
func (c *Client) UserVerify(ctx context.Context, q Who, fingerprint string) error {
	return tell(ctx, c, "user/verify", forVerify{q.User, q.Name, fingerprint})
}

// UserExport implements Node.
func (c *Client) UserExport(ctx context.Context, name, passphrase string) (*Sealed, error) {
	return call[*Sealed](ctx, c, "user/export", forExport{name, passphrase})
}

// UserImport implements Node.
func (c *Client) UserImport(ctx context.Context, export Sealed, passphrase string) (*User, error) {
	return call[*User](ctx, c, "user/import", forSealed{export.Text, passphrase})
}

// ContactList implements Node.
func (c *Client) ContactList(ctx context.Context, user string) ([]Contact, error) {
	return call[[]Contact](ctx, c, "contact/list", forUser{user})
}

// ContactAdd implements Node.
func (c *Client) ContactAdd(ctx context.Context, q Who) (*Contact, error) {
	return call[*Contact](ctx, c, "contact/add", q)
}

// ContactAccept implements Node.
func (c *Client) ContactAccept(ctx context.Context, q Who) (*Contact, error) {
	return call[*Contact](ctx, c, "contact/accept", q)
}

// ContactRemove implements Node.
func (c *Client) ContactRemove(ctx context.Context, q Who) error {
	return tell(ctx, c, "contact/rm", q)
}

// ContactBlock implements Node.
func (c *Client) ContactBlock(ctx context.Context, q Who) error {
	return tell(ctx, c, "contact/block", q)
}

// Send implements Node.
func (c *Client) Send(ctx context.Context, d Draft) (*Sent, error) {
	return call[*Sent](ctx, c, "send", d)
}

// Inbox implements Node.
func (c *Client) Inbox(ctx context.Context, q InboxQuery) ([]Message, error) {
	return call[[]Message](ctx, c, "inbox", q)
}

// MarkRead implements Node.
func (c *Client) MarkRead(ctx context.Context, user string, ids []id.ID) error {
	return tell(ctx, c, "mark-read", forMarks{user, ids})
}

// Conversations implements Node.
func (c *Client) Conversations(ctx context.Context, user string) ([]Conversation, error) {
	return call[[]Conversation](ctx, c, "conversations", forUser{user})
}

// Conversation implements Node.
func (c *Client) Conversation(ctx context.Context, q ConversationQuery) ([]Message, error) {
	return call[[]Message](ctx, c, "conversation", q)
}

// Kill implements Demo.
func (c *Client) Kill(ctx context.Context, node id.ID) error {
	return tell(ctx, c, "demo/kill", forNode{node})
}

// AddNode implements Demo.
func (c *Client) AddNode(ctx context.Context) (*PictureNode, error) {
	return call[*PictureNode](ctx, c, "demo/add", none{})
}

// Ticket is a way to open the page. It works once, for a minute.
type Ticket struct {
	// URL opens the page. Whoever has it can open it: it must not be logged, nor
	// stand on a command line, which other users of the computer can see.
	URL string `json:"url"`
	// File is a page that only this user can read and that leads to URL, for handing
	// to a browser in its place.
	File string `json:"file"`
}

// Ticket asks the node for a way to open its page. Failed if the page is off.
func (c *Client) Ticket(ctx context.Context) (*Ticket, error) {
	return call[*Ticket](ctx, c, "ui/ticket", none{})
}
