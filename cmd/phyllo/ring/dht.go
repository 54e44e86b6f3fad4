package ring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newDHT(w *console.World) *cobra.Command {
	return command.Group("dht", "Values under keys, kept by the nodes of the ring",
		`A table of the whole ring: a value that is put on one computer is read on every other,
and survives the death of machines. Every member can read and change every key. A node
that leaves a ring of its own for another one leaves the values behind.`,
		dhtGet(w), dhtPut(w), dhtRemove(w), dhtRivals(w))
}

// entryFlags say which version of a key is meant, and how many copies it has.
type entryFlags struct {
	copies  command.Number
	version version64
}

func newEntryFlags(cmd *cobra.Command, conditional bool) *entryFlags {
	e := &entryFlags{copies: command.Number{Value: api.DHTCopies, Low: 1, High: api.MaxDHTCopies}}
	cmd.Flags().Var(&e.copies, "copies", "how many nodes keep a copy, 1 to 16: the same in all uses of a key")
	if conditional {
		cmd.Flags().Var(&e.version, "if-version", "change this version only; 0: only if there is no value")
	}
	return e
}

// version64 is a flag with the version of an entry.
type version64 struct{ given *uint64 }

// String implements pflag.Value.
func (v *version64) String() string {
	if v.given == nil {
		return "0" // the example of a hint
	}
	return strconv.FormatUint(*v.given, 10)
}

// Type implements pflag.Value.
func (v *version64) Type() string { return "N" }

// Hint says which values are good.
func (v *version64) Hint() string { return "a version as `phyllo dht put` prints it, or 0," }

// Set implements pflag.Value.
func (v *version64) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return errors.New("not a version")
	}
	v.given = &n
	return nil
}

func dhtPut(w *console.World) *cobra.Command {
	var e *entryFlags
	cmd := &cobra.Command{
		Use:   "put KEY [VALUE]",
		Short: "Set the value of a key",
		Long: `Set the value of a key, whatever it was, and print its version and how many copies
there are. A value has up to 40656 bytes; without one, or with -, standard input is
read to its end. With --if-version the value is only set in place of the version that
you have seen: if another one is current by now, nothing is changed (exit code 1).
Without it the values that ` + "`phyllo dht rivals`" + ` shows are settled, too; and where most of
those who keep the entry are away for more than half a minute, the rest go on without
them, and the answer says so. With it that is refused.`,
		Example: `  phyllo dht put colour blue
  phyllo dht put colour green --if-version 1
  phyllo dht put notes < notes.txt`,
		Args: command.Typed(1, 2, command.TableKey),
		RunE: func(cmd *cobra.Command, a []string) error {
			value, err := value(w, a[1:])
			if err != nil {
				return err
			}
			q := api.DHTPut{Key: a[0], Copies: e.copies.Value, Value: value, IfVersion: e.version.given}
			return w.Ask(cmd.Context(), "storing …", func(ctx context.Context, c *api.Client) error {
				k, err := c.DHTPut(ctx, q)
				if err != nil {
					return unsure(ctx, err)
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(k)
				}
				w.Printf("version %d, %s\n", k.Version, copiesText(k))
				return nil
			})
		},
	}
	e = newEntryFlags(cmd, true)
	return cmd
}

// unsure is the error of a change that may have been interrupted.
func unsure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted: the change may have been made, `phyllo dht get KEY` shows what is there")
	}
	return err
}

// copiesText says how many copies there are.
func copiesText(k *api.DHTKept) string {
	return plain.Copies(k.Copies, k.Wanted) + plain.Apart(k.Apart)
}

// value is what is to be put: the argument, or what standard input has.
func value(w *console.World, arg []string) ([]byte, error) {
	value := []byte{}
	if len(arg) == 1 && arg[0] != "-" {
		value = []byte(arg[0])
	} else {
		b, err := io.ReadAll(io.LimitReader(w.Stdin, api.MaxDHTValue+1))
		if err != nil {
			return nil, fmt.Errorf("reading the value from standard input: %w: give it as an argument, or put it into a file before <", err)
		}
		value = append(value, b...)
	}
	if len(value) > api.MaxDHTValue {
		return nil, console.Usage("the value has more than %d bytes: cut it into parts, each under a key of its own", api.MaxDHTValue)
	}
	return value, nil
}

func dhtGet(w *console.World) *cobra.Command {
	var e *entryFlags
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `Print the value of a key, byte for byte; on a terminal what could disturb it is shown
as an escape. With --json also its version, for --if-version. Exit code 3: there is no
value. If there are other values (` + "`phyllo dht rivals`" + `), or most of those who keep the
entry are away, standard error says so.`,
		Example: `  phyllo dht get colour
  phyllo dht get notes > notes.txt
  phyllo dht get colour --json | jq .version`,
		Args: command.Typed(1, 1, command.TableKey),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.DHTKey{Key: a[0], Copies: e.copies.Value}
			return w.Ask(cmd.Context(), "reading …", func(ctx context.Context, c *api.Client) error {
				v, err := c.DHTGet(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if v.Apart > 0 {
					w.Say("%s a majority of the %d that keep it is away: this is what those have who are there", w.Mark(api.Warn), v.Apart)
				}
				if v.Rivals > 0 {
					w.Say("%s %s under this key, put where the nodes of the ring were out of each other's sight: see `phyllo dht rivals KEY`; `phyllo dht put KEY VALUE` settles it", w.Mark(api.Warn), plain.Plural(v.Rivals, "other value"))
				}
				switch {
				case w.JSON:
					return w.Line(v)
				case w.Columns > 0:
					w.Printf("%s\n", plain.Body(string(v.Value), ""))
					return nil
				}
				_, err = w.Out.Write(v.Value)
				return err
			})
		},
	}
	e = newEntryFlags(cmd, false)
	return cmd
}

func dhtRivals(w *console.World) *cobra.Command {
	var e *entryFlags
	cmd := &cobra.Command{
		Use:   "rivals KEY",
		Short: "List the values that lost their place",
		Long: `List the other values of a key. When nodes of the ring are out of each other's sight for
long, each part may put a value under one key. When they meet, the one with the highest
version is current, and no other is lost: it is open until somebody puts or removes the
value without --if-version, which settles it, and is kept for a while after that. The
--json form has the values whole.`,
		Example: "  phyllo dht rivals colour\n  phyllo dht rivals colour --json | jq -r '.value | @base64d'",
		Args:    command.Typed(1, 1, command.TableKey),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.DHTKey{Key: a[0], Copies: e.copies.Value}
			return w.Ask(cmd.Context(), "reading …", func(ctx context.Context, c *api.Client) error {
				list, err := c.DHTRivals(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, plain.Clean(a[0])+" has no other values", []string{"VERSION", "STATE", "PUT", "VALUE"}, func(r api.DHTRival) []string {
					state, value := "open", plain.Clean(beginning(r.Value))
					if r.Settled {
						state = "settled"
					}
					if r.Removed {
						value = "removed"
					}
					return []string{strconv.FormatUint(r.Version, 10), state, w.Ago(r.Put), value}
				})
			})
		},
	}
	e = newEntryFlags(cmd, false)
	return cmd
}

// beginning is the first line of a value, so much of it as is wanted in a list.
func beginning(value []byte) string {
	const most = 40
	line, more, _ := strings.Cut(string(value), "\n")
	if cut := []rune(line); len(cut) > most {
		line, more = string(cut[:most]), "…"
	}
	if more != "" {
		line += " …"
	}
	return line
}

func dhtRemove(w *console.World) *cobra.Command {
	var e *entryFlags
	cmd := &cobra.Command{
		Use:   "rm KEY",
		Short: "Take the value of a key away",
		Long: `Take the value of a key away; that there is none is a success too. With --if-version
only the version that you have seen is taken away.`,
		Example: "  phyllo dht rm colour\n  phyllo dht rm colour --if-version 2",
		Args:    command.Typed(1, 1, command.TableKey),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.DHTRemove{Key: a[0], Copies: e.copies.Value, IfVersion: e.version.given}
			return w.Ask(cmd.Context(), "removing …", func(ctx context.Context, c *api.Client) error {
				if err := c.DHTRemove(ctx, q); err != nil {
					return unsure(ctx, err)
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(map[string]string{"event": "removed", "key": a[0]})
				}
				w.Printf("%s %s has no value now\n", w.Mark(api.Good), plain.Clean(a[0]))
				return nil
			})
		},
	}
	e = newEntryFlags(cmd, true)
	return cmd
}
