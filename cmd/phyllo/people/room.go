package people

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newRoom(w *console.World) *cobra.Command {
	return command.Group("room", "Rooms in which several people talk",
		`A room has its whole history with each of its members: who talks while others are away
loses nothing, and in the end all show the same in the same order. Say something with
`+"`phyllo send '#ROOM' TEXT`"+`. In a room for invited people what is said is sealed to those
who are in it. ROOM is a name, with or without #, or the first digits of an id.`,
		roomList(w), roomCreate(w), roomInvite(w), roomFind(w), roomJoin(w), roomLeave(w), roomHistory(w), roomRole(w), roomRename(w), roomSet(w))
}

// asUser adds the flag that says which user of the node is meant.
func asUser(cmd *cobra.Command, user *string) {
	cmd.Flags().StringVar(user, "from", "", "`USER` who is meant, if several live here")
}

// rooms are the names of a user's rooms, for completion.
func rooms(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.RoomList(ctx, "")
	var names []string
	for _, r := range list {
		names = append(names, r.Name)
	}
	return names, err
}

func roomList(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "list [ROOM]", Short: "List your rooms and invitations, or who is in a room",
		Example: "  phyllo room list\n  phyllo room list garden", Args: command.Typed(0, 1, command.Room), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.RoomList(ctx, as)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if len(a) == 1 {
					return roomMembers(w, list, a[0])
				}
				err = console.Listing(w, list, "No rooms yet: "+w.Command("room create NAME"), []string{"ROOM", "YOU", "MEMBERS", "UNREAD", "STORED", "ID"}, func(r api.Room) []string {
					return []string{r.Name, roomState(r), count(len(r.Members)), count(r.Unread), roomStored(r), plain.Cut(r.ID)[:min(12, len(r.ID))]}
				})
				roomTroubles(w, list)
				return err
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func roomState(r api.Room) string {
	switch {
	case r.Invited != "":
		return "invited by " + r.Invited
	case !r.Joined:
		return "left"
	case r.Waiting:
		return "waiting"
	}
	return r.Role
}

// roomStored says how far a room's log is in the ring's storage.
func roomStored(r api.Room) string {
	switch {
	case !r.Stored || !r.Joined:
		return ""
	case r.Looking:
		return "comparing"
	case r.Unstored > 0:
		return fmt.Sprintf("all but %d", r.Unstored)
	}
	return "all"
}

// roomTroubles says why storage could not be asked of rooms, or has not all of them, each reason once.
func roomTroubles(w *console.World, list []api.Room) {
	said := map[string]bool{}
	for _, r := range list {
		if why := r.StorageTrouble; why != "" && !said[why] && !w.JSON {
			said[why] = true
			w.Printf("%s The ring's storage could not be asked, or did not take all that belongs there, which is tried again where that helps: %s\n", w.Mark(api.Warn), plain.Clean(why))
		}
	}
}

// roomMembers prints who is in a room.
func roomMembers(w *console.World, list []api.Room, called string) error {
	called = strings.TrimPrefix(called, "#")
	for _, r := range list {
		if r.Name != called && !(len(called) >= 6 && strings.HasPrefix(r.ID, called)) {
			continue
		}
		if r.Trouble != "" && !w.JSON {
			w.Printf("%s %s\n", w.Mark(api.Bad), plain.Clean(r.Trouble))
		}
		if r.Waiting && !w.JSON {
			w.Printf("%s %s\n", w.Mark(api.Warn), roomWaits)
		}
		if r.Stored && r.Looking && !w.JSON {
			w.Printf("Its log (%d entries) is in the ring's storage, too; how far is being compared.\n", r.Entries)
		} else if r.Stored && r.Joined && !w.JSON {
			w.Printf("Of its log (%d entries) the ring's storage has %s.\n", r.Entries, roomStored(r))
		}
		if r.Unlisted && !w.JSON {
			w.Printf("Your keys alone would not lead to it yet: the list of your rooms is on its way into the ring's storage.\n")
		}
		roomTroubles(w, []api.Room{r})
		return console.Listing(w, r.Members, "Who is in it is seen when you are: "+w.Command("room join "+quoted(r.Name)), []string{"NAME", "ROLE", "KEY"}, func(m api.RoomMember) []string {
			return []string{m.Name, m.Role, plain.Grouped(m.Key)}
		})
	}
	return api.Errorf(api.NotFound, "no room %+q: `%s` lists yours", plain.Cut(called), w.Command("room list"))
}

// told prints that something was done with a room.
func told(w *console.World, event, name, format string, a ...any) error {
	if w.JSON {
		return w.Line(map[string]string{"event": event, "room": strings.TrimPrefix(name, "#")})
	}
	w.Printf("%s %s\n", w.Mark(api.Good), fmt.Sprintf(format, a...))
	return nil
}

// signed is a room's name with its sign.
func signed(name string) string { return "#" + plain.Clean(strings.TrimPrefix(name, "#")) }

func roomCreate(w *console.World) *cobra.Command {
	var q api.RoomCreate
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a room",
		Long: `Make a room, with you as its owner. Invite people with "phyllo room invite". With --public
everybody in the ring can join and read it: what is said in it is not sealed. There is no list
of such rooms: others find one by the name of anybody who is in it ("phyllo room find"). With
--stored members put what is said into the ring's storage, too, sealed: who comes while
none of the others is there gets all of it. It is paid for by those who say something, and
stays there as long as members come back: for 90 days after the last of them was there. So
does a key that begins while somebody is away; then a member must be there for him to read on.`,
		Example: "  phyllo room create garden\n  phyllo room create \"book club\" --stored\n  phyllo room create square --public", Args: command.Typed(1, 1, command.Room),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Name = a[0]
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				r, err := c.RoomCreate(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(r)
				}
				if r.Public {
					w.Printf("%s %s is made; others join it with %s, while a computer of somebody in it is on\n", w.Mark(api.Good), signed(r.Name), "phyllo room join "+quoted(roomOwner(r)+"/"+r.Name))
					return nil
				}
				w.Printf("%s %s is made; invite people with %s\n", w.Mark(api.Good), signed(r.Name), w.Command("room invite "+quoted(r.Name)+" NAME"))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&q.Public, "public", false, "let everybody join, and do not seal what is said")
	cmd.Flags().BoolVar(&q.Stored, "stored", false, "keep what is said in the ring's storage, too")
	asUser(cmd, &q.User)
	return cmd
}

// roomWaits is said of a room that is joined, and of which nothing has come.
const roomWaits = "Who is in it and what was said has not come yet: it comes by itself when a member's computer is there."

// roomOwner is what a room's owner is called.
func roomOwner(r *api.Room) string {
	for _, m := range r.Members {
		if m.Role == api.RoleOwner {
			return m.Name
		}
	}
	return "NAME"
}

// quoted is a name as a shell takes it.
func quoted(name string) string {
	name = plain.Clean(name)
	if strings.ContainsAny(name, " '\"#$&*?;|<>()\\`!") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

func roomInvite(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "invite ROOM NAME", Short: "Make a person a member",
		Long: `Make a person a member. He finds the invitation in "phyllo room list" as soon as any
member's computer reaches his, and reads what was said before when he has joined.`,
		Example: "  phyllo room invite garden bob", Args: command.Typed(2, 2, command.Room, command.Person), ValidArgsFunction: command.Complete(w, rooms, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "looking for "+plain.Clean(a[1])+" …", func(ctx context.Context, c *api.Client) error {
				if err := c.RoomInvite(ctx, api.RoomWho{User: as, Room: a[0], Name: a[1]}); err != nil {
					return err
				}
				console.Answered(ctx)
				return told(w, "invited", a[0], "%s is a member of %s, and is told so", plain.Clean(a[1]), signed(a[0]))
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func roomFind(w *console.World) *cobra.Command {
	var q api.RoomFind
	cmd := &cobra.Command{
		Use: "find NAME", Short: "List the public rooms that a person is in",
		Long: `List the public rooms that a person is in. His computer is asked, so it must be there.
Join one with "phyllo room join NAME/ROOM".`,
		Example: "  phyllo room find ann", Args: command.Typed(1, 1, command.Person), ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Name = a[0]
			return w.Ask(cmd.Context(), "asking "+plain.Clean(a[0])+" …", func(ctx context.Context, c *api.Client) error {
				list, err := c.RoomFind(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, plain.Clean(a[0])+" is in no public room.", []string{"ROOM", "MEMBERS", "YOU", "ID"}, func(r api.RoomFound) []string {
					you := ""
					if r.Joined {
						you = "joined"
					}
					return []string{r.Name, count(r.Members), you, plain.Cut(r.ID)[:min(12, len(r.ID))]}
				})
			})
		},
	}
	asUser(cmd, &q.User)
	return cmd
}

func roomJoin(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "join ROOM", Short: "Accept an invitation, or join a public room",
		Long: `Accept an invitation. A public room is joined without one, as NAME/ROOM: NAME is anybody
who is in it, its owner or another, whose computer is there ("phyllo room find NAME").
What was said before comes from the members who are there, or from the ring's storage. Where
nobody is there you have joined after ten seconds all the same, and it comes by itself when
the computer of a member is on.`,
		Example: "  phyllo room join garden\n  phyllo room join ann/square",
		Args:    command.Typed(1, 1, command.RoomToJoin), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "fetching what was said …", func(ctx context.Context, c *api.Client) error {
				r, err := c.RoomJoin(ctx, api.RoomQuery{User: as, Room: a[0]})
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(r)
				}
				if r.Waiting {
					w.Printf("%s you have joined %s. %s\n", w.Mark(api.Warn), signed(r.Name), roomWaits)
					return nil
				}
				w.Printf("%s you are in %s: %s shows what was said\n", w.Mark(api.Good), signed(r.Name), w.Command("room history "+quoted(r.Name)))
				return nil
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func roomLeave(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "leave ROOM", Short: "Leave a room, or send an invitation away",
		Long: `Leave a room: what is said from then on is sealed to the others only, and what you have
of it stays readable for you. The others are told, and an admin can invite you again. The
owner hands the room over first ("phyllo room role ROOM NAME owner"). An invitation is
sent away; nobody is told so.`,
		Example: "  phyllo room leave garden", Args: command.Typed(1, 1, command.Room), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				if err := c.RoomLeave(ctx, api.RoomQuery{User: as, Room: a[0]}); err != nil {
					return err
				}
				console.Answered(ctx)
				return told(w, "left", a[0], "you are not in %s any more", signed(a[0]))
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func roomRole(w *console.World) *cobra.Command {
	var as string
	roles := []string{api.RoleOut, api.RoleMember, api.RoleAdmin, api.RoleOwner}
	cmd := &cobra.Command{
		Use: "role ROOM NAME ROLE", Short: "Put a member out, make an admin, or hand the room over",
		Long: `Change what a member is: "out" puts him out, and he reads nothing that is said after the
new key, which the first admin who is there makes within seconds; an "admin" invites
people and puts them out; "owner" hands the room over to him. Admins change what
members are, and only the owner what admins are.`,
		Example: "  phyllo room role garden bob admin\n  phyllo room role garden mallory out", Args: command.Typed(3, 3, command.Room, nil, command.Role),
		ValidArgsFunction: command.Complete(w, rooms, command.Contacts, func(context.Context, *api.Client) ([]string, error) { return roles, nil }),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				if err := c.RoomRole(ctx, api.RoomRole{User: as, Room: a[0], Name: a[1], Role: a[2]}); err != nil {
					return err
				}
				console.Answered(ctx)
				return told(w, "changed", a[0], "%s is %s %s now", plain.Clean(a[1]), map[string]string{api.RoleOut: "out of", api.RoleMember: "a member of", api.RoleAdmin: "an admin of", api.RoleOwner: "the owner of"}[a[2]], signed(a[0]))
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func roomRename(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "rename ROOM NAME", Short: "Give a room another name", Example: "  phyllo room rename garden meadow",
		Args: command.Typed(2, 2, command.Room, command.Room), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				if err := c.RoomRename(ctx, api.RoomRename{User: as, Room: a[0], Name: a[1]}); err != nil {
					return err
				}
				console.Answered(ctx)
				return told(w, "renamed", a[1], "%s is called %s now, by all", signed(a[0]), signed(a[1]))
			})
		},
	}
	asUser(cmd, &as)
	return cmd
}

func roomSet(w *console.World) *cobra.Command {
	var q api.RoomSet
	var receipts, stored string
	onOff := func(cmd *cobra.Command, flag, value string, into **bool) error {
		if !cmd.Flags().Changed(flag) {
			return nil
		}
		if value != "on" && value != "off" {
			return console.Usage("--%s is on or off, not %+q", flag, plain.Cut(value))
		}
		on := value == "on"
		*into = &on
		return nil
	}
	cmd := &cobra.Command{
		Use: "set ROOM", Short: "Change how a room works",
		Long: `Change how a room works. With --receipts off, which is for you alone, the others are not
told any more what has come to your computer and what you have read; what they were told
stays with them, and that you have what you answer to is seen anyway. With --stored on,
which is for all and an admin's to say, members put what is said into the ring's storage,
too, sealed: who comes while none of the others is there gets all of it, until 90 days
after the last of them was there. So long a key waits there that begins while somebody
is away; then a member must be there for him to read on. With --stored off they take back
from there what was said.`,
		Example: "  phyllo room set garden --receipts off\n  phyllo room set garden --stored on", Args: command.Typed(1, 1, command.Room), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Room = a[0]
			if err := onOff(cmd, "receipts", receipts, &q.Receipts); err != nil {
				return err
			}
			if err := onOff(cmd, "stored", stored, &q.Stored); err != nil {
				return err
			}
			if q.Receipts == nil && q.Stored == nil {
				return console.Usage("nothing is to be set: for example `phyllo room set %s --receipts off`", quoted(a[0]))
			}
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				if err := c.RoomSet(ctx, q); err != nil {
					return err
				}
				console.Answered(ctx)
				return told(w, "set", a[0], "set in %s", signed(a[0]))
			})
		},
	}
	cmd.Flags().StringVar(&receipts, "receipts", "", "`on|off`: tell the others what you have received and read")
	cmd.Flags().StringVar(&stored, "stored", "", "`on|off`: keep what is said in the ring's storage, too")
	asUser(cmd, &q.User)
	return cmd
}

// roomReader is one run of room history.
type roomReader struct {
	query        api.RoomQuery
	follow, peek bool
	shown        map[string]bool
}

func roomHistory(w *console.World) *cobra.Command {
	q := &roomReader{shown: map[string]bool{}}
	cmd := &cobra.Command{
		Use: "history ROOM", Short: "Show what was said in a room",
		Long: `Show what was said in a room, the same for all members, and mark it as read after it was
written; the others are told so ("phyllo room set"). What comes late, from somebody who
was away, stands where it belongs. With --receipts each message stands with how many of
the others have it and have read it, as far as is known here: who wrote it learns that
within seconds. In --json they are named, in rooms of up to 32 members.`,
		Example: "  phyllo room history garden\n  phyllo room history garden --receipts\n  phyllo room history garden -n 20 --follow     and go on until Ctrl-C",
		Args:    command.Typed(1, 1, command.Room), ValidArgsFunction: command.Complete(w, rooms),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.query.Room = a[0]
			if q.query.Limit < 0 {
				return console.Usage("-n %d: 1 and more messages can be shown, or 0 for all", q.query.Limit)
			}
			c, err := w.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			if !q.follow {
				return q.show(cmd.Context(), w, c)
			}
			return q.goOn(cmd.Context(), w, c)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&q.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	f.BoolVar(&q.peek, "peek", false, "do not mark as read")
	f.BoolVar(&q.query.Receipts, "receipts", false, "show how many have each message, and have read it")
	f.IntVarP(&q.query.Limit, "last", "n", 0, "only the last `N`; 0: all, up to 10,000")
	asUser(cmd, &q.query.User)
	return cmd
}

// show prints what was not printed yet.
func (q *roomReader) show(ctx context.Context, w *console.World, c *api.Client) error {
	list, err := c.RoomHistory(ctx, q.query)
	if err != nil {
		return err
	}
	said := map[string]api.RoomMessage{}
	for _, m := range list {
		said[m.ID] = m
	}
	for _, m := range list {
		// Words whose key is missing are shown when it has come.
		if q.shown[m.ID] || m.Locked && q.follow {
			continue
		}
		q.shown[m.ID] = true
		if w.JSON {
			if err := w.Line(m); err != nil {
				return err
			}
			continue
		}
		roomMessage(w, m, said[m.Reply])
	}
	if q.peek {
		return nil
	}
	return c.RoomRead(ctx, q.query)
}

func roomMessage(w *console.World, m, answers api.RoomMessage) {
	text := plain.Body(m.Text, "  ")
	switch {
	case m.Locked:
		text = "(locked: its key comes when a member who has it is there)"
	case m.Removed:
		text = "(taken back)"
	case m.Edited:
		text += "  (edited)"
	}
	to := ""
	if answers.From != "" {
		to = " to " + plain.Clean(answers.From)
	}
	if r := m.Receipts; r != nil && r.Of > 0 {
		text += fmt.Sprintf("  (%d of %d have it, %d read it)", r.Delivered, r.Of, r.Read)
	}
	w.Printf("%s  %s%s: %s\n", m.SentAt.Local().Format("2006-01-02 15:04"), plain.Clean(m.From), to, text)
}

// goOn shows what there is and what comes.
func (q *roomReader) goOn(ctx context.Context, w *console.World, c *api.Client) error {
	listen, end := context.WithCancel(ctx)
	defer end()
	err := c.Events(listen, func(e *api.Event) error {
		switch e.Kind {
		case api.EventBegin, api.EventRoom, api.EventLost:
			return q.show(ctx, w, c)
		}
		return nil
	})
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case err == nil:
		return api.Errorf(api.NotRunning, "the node has stopped: start it again with `%s`", w.Command("up"))
	}
	return err
}

// sayInRoom is `phyllo send` to a room.
func sayInRoom(ctx context.Context, w *console.World, q api.RoomSay) error {
	return w.Ask(ctx, "sending to "+plain.Clean(q.Room)+" …", func(ctx context.Context, c *api.Client) error {
		s, err := c.RoomSay(ctx, q)
		if q.File != nil && err != nil && ctx.Err() == nil {
			err = errors.Join(err, c.FileRemove(ctx, *q.File))
		}
		if err != nil {
			return err
		}
		console.Answered(ctx)
		if w.JSON {
			return w.Line(s)
		}
		w.Printf("said in %s\n", signed(s.Name))
		return nil
	})
}
