package node

import (
	"log/slog"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Numbers of the applications that every node runs. Builders take numbers from
// FirstFree on.
const (
	AppDirectory wire.AppID = 1
	AppIM        wire.AppID = 2
	AppProbe     wire.AppID = 3  // ping and trace
	AppPast      wire.AppID = 4  // storage
	AppSpace     wire.AppID = 5  // files; it has no messages
	AppAccount   wire.AppID = 6  // who may store how much
	AppScribe    wire.AppID = 7  // groups
	AppCensus    wire.AppID = 8  // questions to all nodes
	AppTopic     wire.AppID = 9  // groups with names
	AppRooms     wire.AppID = 10 // group chat
	AppAnycast   wire.AppID = 11 // who in a group is willing
	AppWork      wire.AppID = 12 // items of work that each go to one
	FirstFree    wire.AppID = 256
)

// Option changes a node that is made with New.
type Option func(*options)

type options struct {
	log        *slog.Logger
	serve      func(api.Node) api.Node
	apps       []builderApp
	carrier    func(transport.Config) (transport.Transport, error)
	open       func(dir string) (store.Store, error)
	tune       func(*pastry.Config)
	groups     func(*scribe.Config)
	storage    func(*past.Config)
	replaced   map[wire.AppID]func(kbr.App) kbr.App
	noControl  bool
	interfaces []string
	addrCheck  time.Duration
	wall       func() time.Time
	scrub      store.Pace
	countGap   time.Duration
}

type builderApp struct {
	number wire.AppID
	make   func(Place) kbr.App
}

// Place says where an application is to run: on which node of which ring.
type Place struct {
	Ring id.Hash
	Node id.ID
	// Store keeps records of the application, in tables of its own.
	Store store.Store
}

// WithApp lets the node run an application of yours, under a number of FirstFree or
// more, the same at all nodes of the ring. If the node changes its ring, the
// application is stopped, and started again with another Endpoint.
func WithApp(m kbr.Mount) Option {
	return WithAppAt(m.Number, func(Place) kbr.App { return m.App })
}

// WithAppAt is WithApp for applications that want to know their place, or keep
// records: make is called whenever the node takes its place in a ring.
func WithAppAt(number wire.AppID, make func(Place) kbr.App) Option {
	return func(o *options) { o.apps = append(o.apps, builderApp{number, make}) }
}

// WithLog gives the node a log; without one, nothing is logged.
func WithLog(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithAPI changes what the control socket and the page offer: serve gets the
// node's own interface, and returns what is served in its place.
func WithAPI(serve func(api.Node) api.Node) Option { return func(o *options) { o.serve = serve } }

// WithoutControl makes a node without control socket, page and, unless they have an
// address in the settings, doors, for programs that
// use its API in their own process.
func WithoutControl() Option { return func(o *options) { o.noControl = true } }

// WithTransport replaces the transport, for tests. It is called once, with all of
// transport.Config but what the kind of transport decides.
func WithTransport(make func(transport.Config) (transport.Transport, error)) Option {
	return func(o *options) { o.carrier = make }
}

// WithStore replaces the store; dir is where the usual one would be. A store that has a
// method Blobs() store.Blobs keeps the contents of large files, too. The node
// closes it.
func WithStore(open func(dir string) (store.Store, error)) Option {
	return func(o *options) { o.open = open }
}

// WithOverlay changes the parameters of the overlay.
func WithOverlay(tune func(*pastry.Config)) Option { return func(o *options) { o.tune = tune } }

// WithGroups changes the parameters of groups, as for measurements of what signatures cost.
func WithGroups(tune func(*scribe.Config)) Option { return func(o *options) { o.groups = tune } }

// WithStorage changes the parameters of storage, for the same.
func WithStorage(tune func(*past.Config)) Option { return func(o *options) { o.storage = tune } }

// WithReplacedApp runs another application in place of one of the node's own, for
// tests of what hostile nodes can do. wrap gets the true one.
func WithReplacedApp(number wire.AppID, wrap func(kbr.App) kbr.App) Option {
	return func(o *options) {
		if o.replaced == nil {
			o.replaced = make(map[wire.AppID]func(kbr.App) kbr.App)
		}
		o.replaced[number] = wrap
	}
}

// WithInterfaces finds rings on the local network over these network interfaces only.
func WithInterfaces(names ...string) Option {
	return func(o *options) { o.interfaces = names }
}
