package storage

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newKey(w *console.World) *cobra.Command {
	return command.Group("key", "App passwords, by which your programs use a space",
		`A key is for a program of yours: rclone, restic, aws, a file manager. It opens one space
through one door of this node, S3 or WebDAV, and nothing else. "phyllo status" says where
the doors are; "phyllo up --s3" and "--webdav" choose.`,
		keyAdd(w), keyList(w), keyRemove(w))
}

// keyIDs are the keys of the node.
func keyIDs(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.KeyList(ctx, "")
	var words []string
	for _, k := range list {
		words = append(words, k.ID+"\t"+doorTitle(k.For)+", "+k.Space)
	}
	return words, err
}

func doorTitle(door string) string {
	if door == api.DoorS3 {
		return "S3"
	}
	return "WebDAV"
}

// keyDoor is a flag with the name of a door.
type keyDoor struct{ name string }

// String implements pflag.Value.
func (d *keyDoor) String() string { return d.name }

// Type implements pflag.Value.
func (d *keyDoor) Type() string { return "DOOR" }

// Set implements pflag.Value.
func (d *keyDoor) Set(s string) error {
	if s != api.DoorS3 && s != api.DoorWebDAV {
		return errors.New("no door")
	}
	d.name = s
	return nil
}

func keyAdd(w *console.World) *cobra.Command {
	var q api.KeyRequest
	door := &keyDoor{}
	expires := &command.Length{Low: time.Minute, High: 3650 * 24 * time.Hour}
	cmd := &cobra.Command{
		Use:   "add --for s3|webdav",
		Short: "Make a key for a program",
		Long: `Make a key for a program, and print lines that set some programs up with it. The secret
is shown this once: who has lost it makes another key, and removes this one.`,
		Example: `  phyllo key add --for s3 --space backups
  phyllo key add --for webdav
  phyllo key add --for s3 --space photos --read-only --expires 30d`,
		Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if door.name == "" {
				return console.Usage("which door is the key for? Give --for s3 or --for webdav, as in `phyllo key add --for s3 --space backups`")
			}
			q.For = door.name
			if expires.Value > 0 {
				q.Expires = w.Now().Add(expires.Value).UTC().Truncate(time.Second)
			}
			return w.Ask(cmd.Context(), "looking for the space …", func(ctx context.Context, c *api.Client) error {
				k, err := c.KeyAdd(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(k)
				}
				newKeyText(w, k)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.Var(door, "for", "the door that it opens: s3 or webdav")
	f.StringVar(&q.Space, "space", "", "the `SPACE` that it opens (default home)")
	f.BoolVar(&q.ReadOnly, "read-only", false, "for reading alone")
	f.Var(expires, "expires", "it ends after this time, as in 30d (default: never)")
	f.Lookup("expires").DefValue = "" // not "0s", as it is never
	f.StringVar(&q.User, "user", "", "whose `NAME` the space is, where several users live on the node")
	return cmd
}

// bucketName are the names that all programs take for a bucket.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// newKeyText shows a new key, with lines to paste.
func newKeyText(w *console.World, k *api.Key) {
	w.Printf("%s a key for the space %s, through %s; its secret is shown this once\n", w.Mark(api.Good), plain.Clean(k.Space), doorTitle(k.For))
	row := func(name, text string) { w.Printf("  %-8s %s\n", name, plain.Clean(text)) }
	row("key", k.ID)
	row("secret", k.Secret)
	if k.URL == "" {
		w.Printf("The door is shut: open it with `%s`\n", w.Command("up --"+k.For+" 127.0.0.1:PORT"))
		return
	}
	for _, line := range keyLines(k) {
		row(line[0], line[1])
	}
	if k.For == api.DoorS3 && !bucketName.MatchString(k.Space) {
		w.Printf("%s restic, aws and others refuse this name, as S3 wants 3 to 63 small letters, digits and hyphens: for them make a space with such a name, as `phyllo space create backups`\n", w.Mark(api.Warn))
	}
}

// keyLines are the ways in which programs are told of a key: the program, and a line to paste into
// a shell or its settings.
func keyLines(k *api.Key) [][2]string {
	place := strings.TrimSuffix(k.URL, "/") + "/" + url.PathEscape(k.Space)
	name := console.QuoteArg("phyllo-" + strings.Map(plainLetter, k.Space))
	if k.For == api.DoorWebDAV {
		// Without --obscure rclone takes a secret of such letters for one that it has hidden already.
		curl := " -T FILE " + console.QuoteArg(place+"/")
		if k.ReadOnly {
			curl = " -O " + console.QuoteArg(place+"/FILE")
		}
		return [][2]string{
			{"folder", strings.Replace(place, "http", "dav", 1) + "/   in a file manager, with the key as user name and the secret as password"},
			{"rclone", "rclone config create --obscure " + name + "-dav webdav url=" + console.QuoteArg(place) + " vendor=other user=" + k.ID + " pass=" + k.Secret},
			{"curl", "curl -u " + k.ID + ":" + k.Secret + curl},
		}
	}
	with := "AWS_ACCESS_KEY_ID=" + k.ID + " AWS_SECRET_ACCESS_KEY=" + k.Secret + " "
	lines := [][2]string{
		{"rclone", "rclone config create " + name + " s3 provider=Other force_path_style=true endpoint=" + console.QuoteArg(k.URL) + " access_key_id=" + k.ID + " secret_access_key=" + k.Secret},
		{"restic", with + "restic -r " + console.QuoteArg("s3:"+place+"/restic") + " init"},
		{"aws", with + "AWS_DEFAULT_REGION=us-east-1 aws --endpoint-url " + console.QuoteArg(k.URL) + " s3 ls " + console.QuoteArg("s3://"+k.Space)},
	}
	if k.ReadOnly { // restic writes
		lines = slices.Delete(lines, 1, 2)
	}
	return lines
}

// plainLetter makes a letter one that programs take in the name of a section of their settings.
func plainLetter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

func keyList(w *console.World) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys", Long: "List the keys of this node, without their secrets, also those that have ended.",
		Example: "  phyllo key list", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "looking …", func(ctx context.Context, c *api.Client) error {
				list, err := c.KeyList(ctx, user)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				none := "there is no key yet: `phyllo key add --for s3` makes one"
				return console.Listing(w, list, none, []string{"KEY", "FOR", "USER", "SPACE", "MAY", "UNTIL"}, func(k api.Key) []string {
					may, until := "read and write", "it is removed"
					if k.ReadOnly {
						may = "read"
					}
					if !k.Expires.IsZero() {
						until = k.Expires.Local().Format("2006-01-02 15:04")
						if !w.Now().Before(k.Expires) {
							until += " (ended)"
						}
					}
					return []string{k.ID, doorTitle(k.For), plain.Clean(k.User), plain.Clean(k.Space), may, until}
				})
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "those of the user `NAME` alone")
	return cmd
}

func keyRemove(w *console.World) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rm KEY", Short: "Make a key worthless", Long: "Remove a key. The programs that have it are let in no more, from now on.",
		Example: "  phyllo key rm 5HJ2…", Args: command.Typed(1, 1, command.AppKey),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "removing …", func(ctx context.Context, c *api.Client) error {
				if err := c.KeyRemove(ctx, a[0]); err != nil {
					return err
				}
				console.Answered(ctx)
				return removed(w, a[0], "opens nothing any more")
			})
		},
	}
	cmd.ValidArgsFunction = command.Complete(w, keyIDs)
	return cmd
}
