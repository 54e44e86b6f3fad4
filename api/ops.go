package api

import (
	"context"
	"reflect"
	"strings"

	"github.com/phyllo-net/phyllo/id"
)

// Operation is one thing that a node can be asked to do, as it crosses the wire.
type Operation struct {
	Name   string // POST /v1/NAME
	Read   bool   // it changes nothing and wants no arguments, so that GET is good too
	Secret bool   // it is offered on the socket only, not to a page
	do     func(ctx context.Context, n Node, decode func(any) error) (any, error)
}

// Do carries the operation out. decode fills a pointer to the operation's request,
// and is called once at most; its error is returned. In the answer no list is null.
func (o *Operation) Do(ctx context.Context, n Node, decode func(any) error) (any, error) {
	a, err := o.do(ctx, n, decode)
	if err != nil {
		return nil, err
	}
	v := reflect.ValueOf(a)
	if v.Kind() == reflect.Slice && v.IsNil() {
		return reflect.MakeSlice(v.Type(), 0, 0).Interface(), nil
	}
	fill(v)
	return a, nil
}

// Requests that only bundle the arguments of one method of Node.
type (
	none      struct{}
	forTarget struct {
		Target string `json:"target"`
	}
	forName struct {
		Name string `json:"name"`
	}
	forRing struct {
		Ring string `json:"ring"`
	}
	forNode struct {
		ID id.ID `json:"id"`
	}
	forCode struct {
		Code string `json:"code"`
	}
	forKey struct {
		ID string `json:"id"`
	}
	forInvite struct {
		Invite string `json:"invite"`
	}
	forUser struct {
		User string `json:"user,omitempty"`
	}
	forPassphrase struct {
		Passphrase string `json:"passphrase"`
	}
	forExport struct {
		Name       string `json:"name"`
		Passphrase string `json:"passphrase"`
	}
	forSealed struct {
		Text       string `json:"text"`
		Passphrase string `json:"passphrase"`
	}
	forVerify struct {
		User        string `json:"user,omitempty"`
		Name        string `json:"name"`
		Fingerprint string `json:"fingerprint"`
	}
	forMarks struct {
		User string  `json:"user,omitempty"`
		IDs  []id.ID `json:"ids"`
	}
)

// Operations lists all operations but the streams of events, of people that are found, of
// topics and of work, and those that carry the content of a file.
func Operations() []Operation {
	return []Operation{
		read("status", Node.Status), read("doctor", Node.Doctor), read("picture", Node.Picture), read("metrics", Node.Metrics),
		secret(op("stop", func(n Node, ctx context.Context, _ none) (any, error) { return none{}, n.Stop(ctx) })),
		op("ping", func(n Node, ctx context.Context, q forTarget) (*Pong, error) { return n.Ping(ctx, q.Target) }),
		op("trace", func(n Node, ctx context.Context, q forTarget) (*Trace, error) { return n.Trace(ctx, q.Target) }),

		op("invite", Node.Invite),
		op("join", func(n Node, ctx context.Context, q forInvite) (*Joined, error) { return n.Join(ctx, q.Invite) }),
		read("lan/rings", Node.LanRings),
		op("lan/ask", func(n Node, ctx context.Context, q forRing) (*LanCode, error) { return n.LanAsk(ctx, q.Ring) }),
		op("lan/confirm", func(n Node, ctx context.Context, q forCode) (*Joined, error) { return n.LanConfirm(ctx, q.Code) }),
		read("member/list", Node.Members),
		op("member/admit", func(n Node, ctx context.Context, q forCode) (*Member, error) { return n.Admit(ctx, q.Code) }),
		op("member/expel", onNode(Node.Expel)), op("member/pardon", onNode(Node.Pardon)), op("member/promote", onNode(Node.Promote)),
		secret(op("ring/backup", func(n Node, ctx context.Context, q forPassphrase) (*Sealed, error) {
			return n.RingBackup(ctx, q.Passphrase)
		})),
		secret(op("ring/backed-up", func(n Node, ctx context.Context, _ none) (none, error) { return none{}, n.RingBackedUp(ctx) })),
		secret(op("ring/restore", func(n Node, ctx context.Context, q forSealed) (none, error) {
			return none{}, n.RingRestore(ctx, Sealed{q.Text}, q.Passphrase)
		})),

		read("ring/census", Node.Census), read("ring/gift", Node.Gift), op("ring/set-gift", Node.SetGift),

		read("user/list", Node.UserList),
		op("user/add", Node.UserAdd), op("user/edit", Node.UserEdit), op("user/keys", Node.UserKeys),
		op("user/find", func(n Node, ctx context.Context, q forName) (*User, error) { return n.UserFind(ctx, q.Name) }),
		op("user/verify", func(n Node, ctx context.Context, q forVerify) (none, error) {
			return none{}, n.UserVerify(ctx, Who{User: q.User, Name: q.Name}, q.Fingerprint)
		}),
		secret(op("user/export", func(n Node, ctx context.Context, q forExport) (*Sealed, error) {
			return n.UserExport(ctx, q.Name, q.Passphrase)
		})),
		secret(op("user/import", func(n Node, ctx context.Context, q forSealed) (*User, error) {
			return n.UserImport(ctx, Sealed{q.Text}, q.Passphrase)
		})),

		op("contact/list", func(n Node, ctx context.Context, q forUser) ([]Contact, error) { return n.ContactList(ctx, q.User) }),
		op("contact/add", Node.ContactAdd), op("contact/accept", Node.ContactAccept),
		op("contact/rm", onWho(Node.ContactRemove)), op("contact/block", onWho(Node.ContactBlock)),

		op("send", Node.Send), op("inbox", Node.Inbox), op("conversation", Node.Conversation),
		op("mark-read", func(n Node, ctx context.Context, q forMarks) (none, error) {
			return none{}, n.MarkRead(ctx, q.User, q.IDs)
		}),
		op("conversations", func(n Node, ctx context.Context, q forUser) ([]Conversation, error) {
			return n.Conversations(ctx, q.User)
		}),

		op("topic/set", Node.TopicSet), op("topic/bench", Node.TopicBench), read("topic/list", Node.TopicList),
		op("topic/tree", func(n Node, ctx context.Context, q forTarget) (*TopicTree, error) { return n.TopicTree(ctx, q.Target) }),

		op("work/confirm", func(n Node, ctx context.Context, q WorkReport) (none, error) { return none{}, n.WorkConfirm(ctx, q) }),
		read("work/list", Node.WorkList), op("work/survey", Node.WorkSurvey), op("work/withdraw", Node.WorkWithdraw),

		read("account", Node.Account), op("offer", Node.Offer),
		op("dht/put", Node.DHTPut), op("dht/get", Node.DHTGet), op("dht/rivals", Node.DHTRivals),
		op("dht/rm", func(n Node, ctx context.Context, q DHTRemove) (none, error) { return none{}, n.DHTRemove(ctx, q) }),

		op("room/list", func(n Node, ctx context.Context, q forUser) ([]Room, error) { return n.RoomList(ctx, q.User) }),
		op("room/create", Node.RoomCreate), op("room/find", Node.RoomFind), op("room/join", Node.RoomJoin), op("room/say", Node.RoomSay), op("room/history", Node.RoomHistory),
		op("room/invite", done(Node.RoomInvite)), op("room/leave", done(Node.RoomLeave)), op("room/role", done(Node.RoomRole)),
		op("room/rename", done(Node.RoomRename)), op("room/set", done(Node.RoomSet)), op("room/read", done(Node.RoomRead)),

		op("file/list", Node.FileList), op("file/stat", Node.FileStat), op("file/history", Node.FileHistory), op("file/share", Node.FileShare),
		op("file/rm", func(n Node, ctx context.Context, q FileName) (none, error) { return none{}, n.FileRemove(ctx, q) }),
		op("file/mv", func(n Node, ctx context.Context, q FileMove) (none, error) { return none{}, n.FileMove(ctx, q) }),
		op("folder/add", func(n Node, ctx context.Context, q FileName) (none, error) { return none{}, n.FolderAdd(ctx, q) }),
		op("space/list", func(n Node, ctx context.Context, q forUser) ([]Space, error) { return n.SpaceList(ctx, q.User) }),
		op("space/create", Node.SpaceCreate), op("space/grant", Node.SpaceGrant), op("space/add", Node.SpaceAdd),
		op("space/revoke", func(n Node, ctx context.Context, q SpaceGrant) (none, error) { return none{}, n.SpaceRevoke(ctx, q) }),
		secret(op("key/add", Node.KeyAdd)),
		op("key/list", func(n Node, ctx context.Context, q forUser) ([]Key, error) { return n.KeyList(ctx, q.User) }),
		op("key/rm", func(n Node, ctx context.Context, q forKey) (none, error) { return none{}, n.KeyRemove(ctx, q.ID) }),
		op("storage", func(n Node, ctx context.Context, q forUser) (*Storage, error) { return n.Storage(ctx, q.User) }),

		op("demo/kill", func(n Node, ctx context.Context, q forNode) (none, error) {
			d, err := demo(n)
			if err != nil {
				return none{}, err
			}
			return none{}, d.Kill(ctx, q.ID)
		}),
		op("demo/add", func(n Node, ctx context.Context, _ none) (*PictureNode, error) {
			d, err := demo(n)
			if err != nil {
				return nil, err
			}
			return d.AddNode(ctx)
		}),
	}
}

func demo(n Node) (Demo, error) {
	if d, ok := n.(Demo); ok {
		return d, nil
	}
	return nil, Errorf(NotFound, "this node is no demo: `phyllo demo` starts one")
}

func op[Q, A any](name string, f func(Node, context.Context, Q) (A, error)) Operation {
	return Operation{Name: name, do: func(ctx context.Context, n Node, decode func(any) error) (any, error) {
		q := new(Q)
		if err := decode(q); err != nil {
			return nil, err
		}
		return f(n, ctx, *q)
	}}
}

func read[A any](name string, f func(Node, context.Context) (A, error)) Operation {
	o := op(name, func(n Node, ctx context.Context, _ none) (A, error) { return f(n, ctx) })
	o.Read = true
	return o
}

func secret(o Operation) Operation {
	o.Secret = true
	return o
}

func onNode(f func(Node, context.Context, id.ID) error) func(Node, context.Context, forNode) (none, error) {
	return func(n Node, ctx context.Context, q forNode) (none, error) { return none{}, f(n, ctx, q.ID) }
}

// done is for what answers nothing but that it is done.
func done[Q any](f func(Node, context.Context, Q) error) func(Node, context.Context, Q) (none, error) {
	return func(n Node, ctx context.Context, q Q) (none, error) { return none{}, f(n, ctx, q) }
}

func onWho(f func(Node, context.Context, Who) error) func(Node, context.Context, Who) (none, error) {
	return func(n Node, ctx context.Context, q Who) (none, error) { return none{}, f(n, ctx, q) }
}

// fill makes nil lists empty ones, except where an absent list is left out anyway.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() == reflect.Slice && f.IsNil() && f.CanSet() && !strings.Contains(v.Type().Field(i).Tag.Get("json"), ",omit") {
				f.Set(reflect.MakeSlice(f.Type(), 0, 0))
				continue
			}
			fill(f)
		}
	}
}
