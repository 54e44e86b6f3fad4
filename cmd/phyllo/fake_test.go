package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/fakenode"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/ui"
)

// asProgram is the variable by which this test program behaves as phyllo does, with
// pretended nodes: so its tests can start it in the background.
const asProgram = "TEST_AS_PHYLLO"

func TestMain(m *testing.M) {
	time.Local = time.UTC
	if os.Getenv(asProgram) != "" {
		launch := fakeLaunch
		if os.Getenv("TEST_LAUNCH") == "village" {
			launch = (&village{}).launch
		}
		os.Exit(run(&console.World{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(),
			Now: time.Now, Launch: launch, Browse: func(string, func(string) string) error { return nil }}))
	}
	// Under nohup, and in many a runner of jobs, SIGHUP is ignored, which the
	// programs that are started here would inherit: a caught signal is not.
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	goleak.VerifyTestMain(m)
}

// fake is a pretended node with a real control interface.
type fake struct {
	node   *fakenode.Node
	offers api.Node
	cfg    config.Config
	server *control.Server
	kill   sync.Once
}

func fakeLaunch(c config.Config, _ *slog.Logger, serve func(api.Node) api.Node) (console.Runner, error) {
	if why := os.Getenv("TEST_LAUNCH"); why == "newer" {
		return nil, api.Errorf(api.NewerState, "the folder %s was written by a newer version: update phyllo", c.Home)
	}
	f := &fake{node: fakenode.New(), cfg: c}
	f.offers = f.node
	if serve != nil {
		f.offers = serve(f.node)
	}
	return f, nil
}

func (f *fake) API() api.Node         { return f.node }
func (f *fake) Done() <-chan struct{} { return f.node.Done() }
func (f *fake) Kill()                 { f.kill.Do(func() { f.Stop(context.Background()) }) }

func (f *fake) Start(ctx context.Context) error {
	switch os.Getenv("TEST_LAUNCH") {
	case "locked":
		return api.Errorf(api.Locked, "the folder %s is used by process 77: stop it with `phyllo down`", f.cfg.Home)
	case "panic":
		panic("a fault of the program")
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "deaf": // what it waited for was ended under it
		<-ctx.Done()
		return errors.New("nobody can be reached")
	}
	if f.cfg.Join != "" {
		if _, err := f.node.Join(ctx, f.cfg.Join); err != nil {
			return err
		}
	}
	if f.cfg.User != "" {
		if _, err := f.node.UserAdd(ctx, api.UserRequest{Name: f.cfg.User}); err != nil {
			return err
		}
	}
	s, err := control.Start(control.Config{Home: f.cfg.Home, Node: f.offers, UI: f.cfg.UI, Files: ui.Files, Getenv: os.Getenv})
	if err != nil {
		return err
	}
	f.server = s
	f.node.Home, f.node.UI, f.node.Control, f.node.PID = f.cfg.Home, s.UI(), s.Socket(), os.Getpid()
	return nil
}

func (f *fake) Stop(ctx context.Context) error {
	f.node.Stop(ctx)
	if f.server == nil {
		return nil
	}
	err := f.server.Close(ctx)
	f.server.Release()
	return err
}

// start runs a pretended node in this process until the test ends.
func start(t *testing.T, home string) *fakenode.Node {
	t.Helper()
	c := config.Default()
	c.Home, c.UI = home, "off"
	r, err := fakeLaunch(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	n := r.(*fake).node
	stopped := make(chan struct{})
	go func() { // as "phyllo up" does
		defer close(stopped)
		<-r.Done()
		ctx, end := context.WithTimeout(context.Background(), 10*time.Second)
		defer end()
		if err := r.Stop(ctx); err != nil {
			t.Error("stopping:", err)
		}
	}()
	t.Cleanup(func() {
		n.Stop(context.Background())
		<-stopped
	})
	n.UI, n.PID = "http://127.0.0.1:4281", 4242
	return n
}

// newHome is a folder for a node. Its path is short enough for a socket.
func newHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "phyllo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// village is a set of pretended nodes, each with an id of its own, for the demo.
type village struct {
	mu     sync.Mutex
	nodes  []*villager
	said   []api.RoomMessage // in the room
	square *fakenode.Node    // has the topics of all
	reads  map[id.ID]bool    // who reads one
	hole   bool              // readers of topics are told of a gap
	killed int
	// From the node with the number from on, each says late times that it is joining
	// before it is ready.
	late, from int
}

// villager is one of them: a runner.
type villager struct {
	*fake
	v       *village
	offered *offered
	dead    bool
}

// offered is what a villager offers where it is not what every fake node does.
type offered struct {
	*fakenode.Node
	v    *village
	name id.ID

	mu   sync.Mutex
	late int // how many times it still says that it is joining
}

func (v *village) launch(c config.Config, log *slog.Logger, serve func(api.Node) api.Node) (console.Runner, error) {
	r, err := fakeLaunch(c, log, nil)
	if err != nil {
		return nil, err
	}
	x := &villager{fake: r.(*fake), v: v}
	v.mu.Lock()
	defer v.mu.Unlock()
	x.offered = &offered{Node: x.node, v: v, name: id.HashOf("villager", uint64(len(v.nodes))).Place()}
	if len(v.nodes) >= v.from {
		x.offered.late = v.late
	}
	x.offers = x.offered
	if serve != nil {
		x.offers = serve(x.offered)
	}
	v.nodes = append(v.nodes, x)
	if v.square == nil {
		v.square, v.reads = fakenode.New(), make(map[id.ID]bool)
	}
	return x, nil
}

func (x *villager) API() api.Node { return x.offered }

func (x *villager) Kill() {
	x.v.mu.Lock()
	x.v.killed++
	x.dead = true
	x.v.mu.Unlock()
	x.fake.Kill()
}

func (x *offered) Status(ctx context.Context) (*api.Status, error) {
	s, err := x.Node.Status(ctx)
	s.ID, s.Addrs = x.name, []string{"127.0.0.1:1"}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.late > 0 {
		x.late--
		s.State = api.StateJoining
	}
	return s, err
}

func (x *offered) Picture(context.Context) (*api.Picture, error) {
	return &api.Picture{Self: x.name, Nodes: []api.PictureNode{{ID: x.name, Roles: []string{api.RoleSelf}}}, Size: 1}, nil
}

func (x *offered) UserAdd(_ context.Context, q api.UserRequest) (*api.User, error) {
	return &api.User{Name: q.Name}, nil
}

func (x *offered) Send(_ context.Context, d api.Draft) (*api.Sent, error) {
	if d.Wait == 0 || d.From == d.To || d.Text == "" {
		return nil, fmt.Errorf("unexpected draft %+v", d)
	}
	return &api.Sent{To: d.To, State: api.StateDelivered}, nil
}

// logOf is what a node in the background wrote.
func logOf(home string) string {
	b, err := os.ReadFile(filepath.Join(home, logName))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The village has one room, and all who live there are in it.

func (x *offered) RoomCreate(_ context.Context, q api.RoomCreate) (*api.Room, error) {
	return &api.Room{Name: q.Name}, nil
}

func (x *offered) RoomInvite(context.Context, api.RoomWho) error { return nil }

func (x *offered) RoomList(context.Context, string) ([]api.Room, error) {
	return []api.Room{{Invited: "ann"}}, nil
}

func (x *offered) RoomJoin(_ context.Context, q api.RoomQuery) (*api.Room, error) {
	return &api.Room{Name: q.Room}, nil
}

func (x *offered) RoomSay(_ context.Context, q api.RoomSay) (*api.RoomSaid, error) {
	x.v.mu.Lock()
	defer x.v.mu.Unlock()
	m := api.RoomMessage{ID: strconv.Itoa(len(x.v.said)), From: q.User, Text: q.Text}
	x.v.said = append(x.v.said, m)
	return &api.RoomSaid{ID: m.ID}, nil
}

func (x *offered) RoomHistory(context.Context, api.RoomQuery) ([]api.RoomMessage, error) {
	x.v.mu.Lock()
	defer x.v.mu.Unlock()
	return slices.Clone(x.v.said), nil
}

// The village's topics begin here or there, and are handed on to those who read them.

func (x *offered) Publish(ctx context.Context, q api.Publication, r io.Reader) (*api.Published, error) {
	return x.v.square.Publish(ctx, q, r)
}

func (x *offered) Subscribe(ctx context.Context, q api.Subscription, f func(*api.TopicEvent) error) error {
	x.v.mu.Lock()
	x.v.reads[x.name] = true
	hole := x.v.hole
	x.v.mu.Unlock()
	return x.v.square.Subscribe(ctx, q, func(e *api.TopicEvent) error {
		if hole && e.Event == api.TopicMessage && e.Seq%10 == 0 {
			e = &api.TopicEvent{Event: api.TopicGap, Lost: 1}
		}
		return f(e)
	})
}

func (x *offered) TopicTree(_ context.Context, topic string) (*api.TopicTree, error) {
	x.v.mu.Lock()
	defer x.v.mu.Unlock()
	key := id.HashOf("topic", topic).Place()
	root := x.v.nodes[0]
	for _, n := range x.v.nodes {
		if root.dead || !n.dead && id.Closer(key, n.offered.name, root.offered.name) {
			root = n
		}
	}
	tree := &api.TopicTree{Topic: topic, Key: key, Nodes: []api.TopicPlace{{Node: root.offered.name, Children: len(x.v.reads), Reads: x.v.reads[root.offered.name]}}}
	for _, n := range x.v.nodes {
		if n != root && x.v.reads[n.offered.name] {
			tree.Nodes = append(tree.Nodes, api.TopicPlace{Node: n.offered.name, Parent: root.offered.name, Depth: 1, Reads: true})
		}
	}
	return tree, nil
}
