package topics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

// taking is one run of work take.
type taking struct {
	w       *console.World
	q       api.WorkTaking
	command []string
	count   int
	c       *api.Client
	enough  context.CancelFunc
	hands   chan struct{} // as many commands run at once

	mu   sync.Mutex
	jobs map[id.Hash]context.CancelFunc // of the commands that run
	done int
}

func workTake(w *console.World) *cobra.Command {
	k := &taking{w: w, jobs: make(map[id.Hash]context.CancelFunc)}
	slots, count := &command.Number{Value: 1, Low: 1, High: 1000}, &command.Number{Low: 0, High: 1 << 30}
	cmd := &cobra.Command{
		Use:   "take TOPIC [-- COMMAND ARG ...]",
		Short: "Take items of a topic, and do them",
		Long: `Take items that are offered to a topic, until Ctrl-C, and run COMMAND for each: {} in its
arguments stands for the item, and if there is none the item is its standard input. It is
run without a shell; where an item of others could be read as an option, write ./{}. If it
ends with status 0 the item is done; otherwise it has failed, and is offered again. In its
environment PHYLLO_ITEM is the item's number, and PHYLLO_BEFORE how many takers had it
before: if that is not 0 it may have been done already, as an item is done twice if a taker
died, or was cut off, before he could confirm it.

Without COMMAND each item is a line on standard output, its number, a tab and the item, and
is confirmed by a line on standard input: done NUMBER, or failed NUMBER WHY. What is not
confirmed when the command ends is given back. If there is no such topic yet the command
waits for it.`,
		Example: `  phyllo work take thumbnails -- convert {} -resize 100x100 small/{}
  phyllo work take letters -j 4 -- sh -c 'lpr'
  phyllo work take thumbnails --count 1          then end`,
		Args:              command.Typed(1, 1000, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			if dash := cmd.ArgsLenAtDash(); len(a) > 1 && dash != 1 {
				return console.Usage("want the command after --, as in `phyllo work take %s -- %s`", plain.Clean(a[0]), plain.Clean(strings.Join(a[1:], " ")))
			}
			k.q.Topic, k.command, k.q.Slots, k.count = a[0], a[1:], slots.Value, count.Value
			k.hands = make(chan struct{}, slots.Value)
			return k.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.VarP(slots, "jobs", "j", "how many items are taken at a time, 1 to 1000")
	f.Var(count, "count", "end after so many items were done; 0: go on")
	f.StringVar(&k.q.User, "from", "", "`USER` who takes, if several live here")
	return cmd
}

func (k *taking) run(ctx context.Context) error {
	if len(k.command) > 0 {
		if _, err := exec.LookPath(k.command[0]); err != nil {
			return console.Usage("%s cannot be run: %v; give the whole path of a program", plain.Clean(k.command[0]), err)
		}
	}
	var err error
	if k.c, err = k.w.Client(); err != nil {
		return err
	}
	defer k.c.Close()
	var all sync.WaitGroup
	defer all.Wait()
	stream, end := context.WithCancel(ctx)
	defer end()
	k.enough = end
	if len(k.command) == 0 {
		go k.listen(stream)
	}
	err = k.c.WorkTake(stream, k.q, func(e *api.WorkEvent) error {
		if err := k.show(e); err != nil {
			return err
		}
		switch {
		case e.Event == api.WorkLost:
			k.mu.Lock()
			defer k.mu.Unlock()
			if stop := k.jobs[e.Item]; stop != nil {
				stop()
			}
		case e.Event == api.WorkJob && len(k.command) > 0:
			job, stop := context.WithCancel(stream)
			k.mu.Lock()
			k.jobs[e.Item] = stop
			k.mu.Unlock()
			all.Go(func() {
				defer stop()
				select { // the command of the item before may be about to end, or its mark to be printed
				case k.hands <- struct{}{}:
				case <-job.Done():
					return
				}
				free := sync.OnceFunc(func() { <-k.hands })
				defer free()
				k.do(job, e, free)
			})
		}
		return nil
	})
	switch {
	case stream.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case err == nil:
		return api.Errorf(api.NotRunning, "the node has stopped: start it again with `%s`", k.w.Command("up"))
	}
	return err
}

// show prints an event at once.
func (k *taking) show(e *api.WorkEvent) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.w
	switch {
	case w.JSON:
		if err := w.Line(e); err != nil {
			return err
		}
	case e.Event == api.WorkWaiting:
		w.Say("there is no topic %s yet: waiting", plain.Clean(e.Topic))
	case e.Event == api.WorkLost:
		w.Say("%s was withdrawn, or is another taker's now", e.Item)
	case e.Event == api.WorkJob && len(k.command) == 0:
		text := string(e.Body())
		if w.Columns > 0 {
			text = plain.Body(text, "")
		}
		w.Printf("%s\t%s\n", e.Item, text)
	}
	return w.Out.Flush()
}

// confirmOrder is for how long the next command waits until an item is confirmed, so that items are told in the order in which
// they were done. An offerer who is away keeps no other's item waiting.
const confirmOrder = time.Second

// do runs the command for an item, and confirms it. It calls free, perhaps more than once, when the next one may begin.
func (k *taking) do(ctx context.Context, e *api.WorkEvent, free func()) {
	item := string(e.Body())
	argv := slices.Clone(k.command)
	named := false
	for i, a := range argv {
		if i > 0 && strings.Contains(a, "{}") {
			argv[i], named = strings.ReplaceAll(a, "{}", item), true
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(slices.Clone(k.w.Environ), "PHYLLO_ITEM="+e.Item.String(), "PHYLLO_BEFORE="+strconv.Itoa(e.Before))
	cmd.Stderr = k.w.Stderr
	if !k.w.JSON {
		cmd.Stdout = k.w.Stdout
	}
	if !named {
		cmd.Stdin = strings.NewReader(item)
	}
	cmd.WaitDelay = 5 * time.Second // for what it has started, and left behind
	err := cmd.Run()
	if ctx.Err() != nil {
		return // it is another taker's, or is given back
	}
	defer time.AfterFunc(confirmOrder, free).Stop()
	q := api.WorkReport{Item: e.Item}
	if err != nil {
		q.Failed, q.Why = true, err.Error()
	}
	k.confirm(q, oneLine(item))
}

// confirm says what became of an item.
func (k *taking) confirm(q api.WorkReport, what string) {
	ctx, end := context.WithTimeout(context.Background(), confirmTime)
	defer end()
	err := k.c.WorkConfirm(ctx, q)
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.jobs, q.Item)
	switch {
	case err != nil:
		k.w.Say("%s: %s", what, plain.Clean(err.Error()))
	case q.Failed:
		k.w.Say("%s: %s", what, because("failed", q.Why))
	default:
		if len(k.command) > 0 && !k.w.JSON {
			k.w.Say("%s %s", k.w.Mark(api.Good), what)
		}
		if k.done++; k.done == k.count {
			k.enough()
		}
	}
}

// listen reads confirmations from standard input, until it ends.
func (k *taking) listen(ctx context.Context) {
	defer k.enough()
	in := bufio.NewScanner(k.w.Stdin)
	for in.Scan() && ctx.Err() == nil {
		word, rest, _ := strings.Cut(strings.TrimSpace(in.Text()), " ")
		number, why, _ := strings.Cut(strings.TrimSpace(rest), " ")
		q := api.WorkReport{Failed: word == "failed", Why: why}
		if err := q.Item.UnmarshalText([]byte(number)); err != nil || word != "done" && word != "failed" {
			k.note(fmt.Sprintf("%s is not understood: want a line as done NUMBER, or failed NUMBER WHY", oneLine(in.Text())))
			continue
		}
		k.confirm(q, number)
	}
}

func (k *taking) note(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.w.Say("%s", text)
}
